import { setTimeout as pause } from "node:timers/promises";

/**
 * Runs calls with the same key one after another. Otherwise changes of one row by version fail each other: of
 * thirty at once the last one reads and writes thirty times.
 */
export class Turns<Key> {
  readonly #last = new Map<Key, Promise<unknown>>();

  /** Runs `act` after all earlier calls with this key. Answers or throws as `act` does. */
  take<T>(key: Key, act: () => Promise<T>): Promise<T> {
    const mine = (this.#last.get(key) ?? Promise.resolve()).then(act);
    const ended = mine
      .catch(() => {})
      .then(() => {
        if (this.#last.get(key) === ended) this.#last.delete(key);
      });
    this.#last.set(key, ended);
    return mine;
  }
}

/** How long a change by version waits before its next try: another node has changed the row. */
const MOST_PAUSE_MS = 20;
export const beforeAnotherTry = () => pause(Math.random() * MOST_PAUSE_MS);
