/** Runs the main function of a command of benchmarks. Whatever ends the process, nothing is left behind. */
import { cleanUp, leaveNothing, newFolder } from "./places.ts";

/** With `npm run` Ctrl-C comes twice at once: from the terminal, and from npm. A later one is a second Ctrl-C. */
const SAME_MS = 1_000;

/**
 * `stopping` is called first on Ctrl-C and SIGTERM; a second one does not wait for the clean-up. An error that `main` throws is
 * printed and is exit code 1, but not while it is being ended: then its nodes and its database go away below it.
 */
export async function runToEnd(main: () => Promise<void>, stopping: () => void = () => {}): Promise<void> {
  let ending: Promise<void> | null = null;
  let since = 0;
  for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143 }))
    process.on(signal, () => {
      if (ending) {
        if (Date.now() - since > SAME_MS) process.exit(code);
        return;
      }
      since = Date.now();
      stopping();
      ending = cleanUp().finally(() => process.exit(code));
    });
  process.once("exit", leaveNothing);
  try {
    await main();
  } catch (error) {
    if (!ending) {
      console.error(error instanceof Error ? error.stack : error);
      process.exitCode = 1;
    }
  }
  await (ending ?? cleanUp());
}

/** One folder for this process and every child, so that it can be removed also when a child was killed. */
export function useOneFolder(): void {
  process.env.TMPDIR = newFolder();
}
