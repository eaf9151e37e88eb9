/** Fake timers of which a test counts only those of the product. */
import { sep } from "node:path";
import { root } from "../../root.cjs";

const folders = ["database", "lib", "middlewares", "mixins", "services"].map((name) => `${root}${sep}${name}${sep}`);

/** Whether a file of the product is among the callers. A link that an earlier test file has left also sets timers. */
function isOfProduct(): boolean {
  const stack = String(new Error().stack);
  return folders.some((folder) => stack.includes(folder));
}

/**
 * Uses Jest's fake timers, as `jest.useFakeTimers` does. Answers a function that counts the timers that the product has set, and
 * that have neither run nor been cleared.
 */
export function useOwnTimers(options?: Parameters<typeof jest.useFakeTimers>[0]): () => number {
  jest.useFakeTimers(options);
  const own = new Set<unknown>();
  const { setTimeout, setInterval, clearTimeout, clearInterval } = globalThis;
  const noted = (set: typeof setTimeout | typeof setInterval, isOnce: boolean) =>
    ((run: (...given: unknown[]) => void, ...rest: [number, ...unknown[]]) => {
      const ran = (...given: unknown[]) => {
        if (isOnce) own.delete(timer);
        run(...given);
      };
      const timer = set(ran, ...rest);
      if (isOfProduct()) own.add(timer);
      return timer;
    }) as typeof setTimeout;
  const cleared = (clear: typeof clearTimeout) => (timer: Parameters<typeof clearTimeout>[0]) => {
    own.delete(timer);
    clear(timer);
  };
  Object.assign(globalThis, {
    setTimeout: noted(setTimeout, true),
    setInterval: noted(setInterval, false),
    clearTimeout: cleared(clearTimeout),
    clearInterval: cleared(clearInterval),
  });
  return () => own.size;
}
