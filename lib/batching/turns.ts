import { setTimeout as pause } from "node:timers/promises";

/**
 * Does one thing after another for each key. Changes of one row by version would overtake each other otherwise: of
 * thirty at once the unluckiest reads and writes thirty times.
 */
export class Turns<Key> {
  readonly #last = new Map<Key, Promise<unknown>>();

  /** Answers, or fails, as `act` does, which begins when all before it have ended. */
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

/** What a change by version waits before it tries again: other nodes change the same row. */
const MOST_PAUSE_MS = 20;
export const beforeAnotherTry = () => pause(Math.random() * MOST_PAUSE_MS);
