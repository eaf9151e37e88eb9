/** Runs the main function of a command of benchmarks. Whatever ends the process, nothing is left behind. */
import { cleanUp, leaveNothing, newFolder } from "./places.ts";

/** `stopping` is called first on Ctrl-C and SIGTERM. An error that `main` throws is printed and is exit code 1. */
export async function runToEnd(main: () => Promise<void>, stopping: () => void = () => {}): Promise<void> {
  for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143 }))
    process.once(signal, () => {
      stopping();
      void cleanUp().finally(() => process.exit(code));
    });
  process.once("exit", leaveNothing);
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Error ? error.stack : error);
    process.exitCode = 1;
  }
  await cleanUp();
}

/** One folder for this process and every child, so that it can be removed also when a child was killed. */
export function useOneFolder(): void {
  process.env.TMPDIR = newFolder();
}
