import { setImmediate as nextRound, setTimeout as pause } from "node:timers/promises";

/** How long a check may keep the event loop; a request needs a few of its rounds, and its answer is due within 200 ms. */
const TURN_MS = 10;
/** A turn that is longer than this needs a rest of the same length. One record of 1 MiB may take 100 ms. */
const LONG_MS = 25;
const MOST_REST_MS = 250;
/**
 * How many records are checked between two looks at the clock. Looking after each record would make an ordinary record (1 µs) a
 * tenth slower.
 */
const RECORDS_A_LOOK = 64;
/** 2^8 checks (see work-budget.ts) weigh as much as one more ordinary record. */
const WORK_BITS = 8;
/** How many bytes count as one record. */
const BYTES_A_RECORD = 1024;

/** The checks of one process take turns: with each of them in a round of its own the rounds stay short. */
let lastTurn: Promise<unknown> = Promise.resolve();
/** Until this time no check runs. Checks that begin before it wait too. */
let restUntil = 0;

/**
 * Pauses a check of many records, so that other work can run. A chunk of ordinary records ends before the first rest; one whose
 * schema is costly may take half a minute, in which the node must answer requests and renew leases.
 */
export class Pace {
  readonly #cost: { readonly work: number };
  readonly #signal: AbortSignal | undefined;
  #beganAt = performance.now();
  #beganCpu = cpuMs();

  /** `cost.work`: what the last record cost. */
  constructor(cost: { readonly work: number }, signal?: AbortSignal) {
    this.#cost = cost;
    this.#signal = signal;
  }

  /**
   * Calls `check` for the records 0 to `count` − 1, which have `bytes` bytes together. Rejects with the signal's reason at the
   * first rest after an abort.
   */
  async each(count: number, bytes: number, check: (index: number) => void): Promise<void> {
    const weight = 1 + Math.floor(bytes / Math.max(1, count) / BYTES_A_RECORD);
    if (performance.now() < restUntil) await this.#rest();
    for (let next = this.#turn(0, count, weight, check); next < count; next = this.#turn(next, count, weight, check))
      await this.#rest();
  }

  #turn(from: number, count: number, weight: number, check: (index: number) => void): number {
    const next = this.#some(from, count, weight, check);
    const took = cpuMs() - this.#beganCpu;
    if (took >= LONG_MS) restUntil = performance.now() + Math.min(took, MOST_REST_MS);
    return next;
  }

  /** Until it is time to rest; returns the next one. Apart, because a loop with an `await` in it is slower. */
  #some(from: number, count: number, weight: number, check: (index: number) => void): number {
    const cost = this.#cost;
    let left = RECORDS_A_LOOK;
    for (let index = from; index < count; index++) {
      check(index);
      left -= weight + (cost.work >>> WORK_BITS);
      if (left > 0) continue;
      left = RECORDS_A_LOOK;
      if (performance.now() - this.#beganAt >= TURN_MS) return index + 1;
    }
    return count;
  }

  /** Until it is this check's turn again. */
  async #rest(): Promise<void> {
    do {
      lastTurn = lastTurn.then(nextTurn);
      await lastTurn;
    } while (performance.now() < restUntil);
    this.#signal?.throwIfAborted();
    this.#beganAt = performance.now();
    this.#beganCpu = cpuMs();
  }
}

async function nextTurn(): Promise<void> {
  const rest = restUntil - performance.now();
  await (rest > 0 ? pause(rest) : nextRound());
}

/** The CPU time of this thread. A busy machine makes a turn longer, but that is no reason for a rest. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
