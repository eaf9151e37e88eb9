/** Runs the main function of a benchmark command, and cleans up however the process ends. */
import { setTimeout as pause } from "node:timers/promises";
import { cleanUp, leaveNothing, newFolder } from "./places.ts";

/**
 * `npm run` delivers Ctrl-C twice: the terminal sends one signal and npm another. Only a signal that comes later than this is a
 * second Ctrl-C.
 */
const SAME_MS = 1_000;
/** A signal that was sent is heard within this time. */
const HEARD_MS = 100;

/**
 * Calls `stopping` first on Ctrl-C and SIGTERM. A second Ctrl-C exits without waiting for the clean-up. An error that `main`
 * throws is printed, and the exit code is 1. During the clean-up such an error is ignored, because the clean-up removes the nodes
 * and the database that `main` uses.
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
    // Ctrl-C ends the nodes, too. `main` may fail for that reason before this process hears of the signal.
    await pause(HEARD_MS);
    if (!ending) {
      console.error(error instanceof Error ? error.stack : error);
      process.exitCode = 1;
    }
  }
  await (ending ?? cleanUp());
}

/** Makes one temporary folder for this process and all children. The clean-up removes it even if a child was killed. */
export function useOneFolder(): void {
  process.env.TMPDIR = newFolder();
}
