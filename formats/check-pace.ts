import { setImmediate as nextRound } from "node:timers/promises";

/** How long a check may keep the event loop; a request needs a few of its rounds, and its answer is due within 200 ms. */
const TURN_MS = 10;
/** Asking for the time after each record would cost an ordinary one (1 µs) a tenth. */
const RECORDS_A_LOOK = 64;
/** 2^8 checks (see work-budget.ts) weigh as much as one more ordinary record. */
const WORK_BITS = 8;

/** The checks of one process take turns: with each of them in a round of its own the rounds stay short. */
let lastTurn: Promise<unknown> = Promise.resolve();

/**
 * Lets a check of many records give way to other work. A chunk of ordinary records ends before the first rest; one whose
 * schema is costly may take half a minute, in which the node has to live.
 */
export class Pace {
  readonly #cost: { readonly work: number };
  readonly #signal: AbortSignal | undefined;
  #beganAt = performance.now();

  /** `cost.work`: what the last record cost. */
  constructor(cost: { readonly work: number }, signal?: AbortSignal) {
    this.#cost = cost;
    this.#signal = signal;
  }

  /** Checks the records 0 to `count` − 1 by `check`. Rejects with the signal's reason at the first rest after its abort. */
  async each(count: number, check: (index: number) => void): Promise<void> {
    for (let next = this.#some(0, count, check); next < count; next = this.#some(next, count, check))
      await this.#rest();
  }

  /** Until it is time to rest; returns the next one. Apart, because a loop with an `await` in it is slower. */
  #some(from: number, count: number, check: (index: number) => void): number {
    const cost = this.#cost;
    let left = RECORDS_A_LOOK;
    for (let index = from; index < count; index++) {
      check(index);
      left -= 1 + (cost.work >>> WORK_BITS);
      if (left > 0) continue;
      left = RECORDS_A_LOOK;
      if (performance.now() - this.#beganAt >= TURN_MS) return index + 1;
    }
    return count;
  }

  /** Until it is this check's turn again. */
  async #rest(): Promise<void> {
    lastTurn = lastTurn.then(() => nextRound());
    await lastTurn;
    this.#signal?.throwIfAborted();
    this.#beganAt = performance.now();
  }
}
