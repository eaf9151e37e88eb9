import { setTimeout as pause } from "node:timers/promises";
import { Problem } from "../errors.ts";

interface FlightParts {
  /** Does a part of the work. False: nothing is left to do now. */
  some(): Promise<boolean>;
  failed(error: unknown): void;
  /** Called when no call is left. */
  landed?(): void;
}

/** Single flight: one run at a time. A call during a run makes another run follow. */
export class Flight {
  private readonly parts: FlightParts;
  private current: Promise<void> | null = null;
  private isAgain = false;
  private hasEnded = false;

  constructor(parts: FlightParts) {
    this.parts = parts;
  }

  get isEnded(): boolean {
    return this.hasEnded;
  }

  /** Resolves when nothing is left to do now. */
  wake(): Promise<void> {
    this.isAgain = true;
    this.current ??= this.fly().finally(() => {
      this.current = null;
    });
    return this.current;
  }

  private async fly(): Promise<void> {
    while (this.isAgain && !this.hasEnded) {
      this.isAgain = false;
      try {
        while (await this.parts.some());
      } catch (error) {
        this.parts.failed(error);
      }
    }
    if (!this.hasEnded) this.parts.landed?.();
  }

  /** Starts no further run, and waits for the current one. */
  async end(): Promise<void> {
    this.hasEnded = true;
    await this.current;
  }
}

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

/** How long a change waits before its next try, after another node has changed the row. */
const MOST_PAUSE_MS = 20;
/** How often a change is tried. What changes at every read is being changed in some loop. */
const MOST_TRIES = 20;

/** An attempt throws it when another change was faster, and nothing was written. */
export const overtaken = new Error("overtaken");

/** Calls `attempt` until no other change is faster. Answers what it answers. `what`: a name for the message. Throws unavailable. */
export async function untilWritten<T>(
  what: string,
  attempt: () => Promise<T>,
  isOvertaken = (error: unknown) => error === overtaken,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (!isOvertaken(error)) throw error;
      if (tries === MOST_TRIES)
        throw new Problem("unavailable", `The ${what} changed several times during this request. Send it again.`, {
          headers: { "Retry-After": "1" },
        });
      await pause(Math.random() * MOST_PAUSE_MS);
    }
  }
}
