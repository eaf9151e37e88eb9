/**
 * Calls of handlers that take batches back. A call may last for `handlerTimeoutMs`, so it is made beside the rounds. Of all nodes one
 * calls for a batch: before, it moves on when the batch is due, and until then no other node looks at it. A node that dies in a
 * call leaves the batch to be called for again after that time.
 */

import { setTimeout as pause } from "node:timers/promises";
import type { BatchRow } from "../batch/batch.domain.ts";
import type { Removal } from "../batch/batch.reads.domain.ts";
import { logOf } from "../batches.ts";
import type { TakeBack } from "../takeBack.ts";

/** The most calls of one node at once. A handler that hangs keeps its place until its timeout. */
const CALLS_AT_ONCE = 8;
/** The time after a call's timeout in which the node deletes what is left. Another node takes the batch only after it. */
const REST_MS = 60_000;
/** Another node is deleting from the batch. */
const BUSY_MS = 100;

export interface CallParts {
  logger: { warn(...args: unknown[]): void };
  /** Reserves the batch for this node for so long. False: another node has it, or it is no longer `undoing`. */
  claim(batch: BatchRow, forMs: number): Promise<boolean>;
  wait(batch: BatchRow, waits: string): Promise<void>;
}

type Called = Extract<TakeBack, { timeoutMs: number }>;

export class UndoCalls {
  readonly #parts: CallParts;
  readonly #running = new Set<number>();
  readonly #stop = new AbortController();

  constructor(parts: CallParts) {
    this.#parts = parts;
  }

  /** Begins a call, unless there are too many, or another node has begun one. `rest`: pieces of what follows it. */
  async begin(batch: BatchRow, called: Called, rest: () => Promise<Removal>): Promise<void> {
    const running = this.#running;
    if (running.has(batch.id) || running.size >= CALLS_AT_ONCE || this.#stop.signal.aborted) return;
    running.add(batch.id);
    const claimed = await this.#parts.claim(batch, called.timeoutMs + REST_MS).catch((error) => {
      running.delete(batch.id);
      throw error;
    });
    if (!claimed) running.delete(batch.id);
    else void this.#run(batch, called, rest).finally(() => running.delete(batch.id));
  }

  /** Does not wait for calls in progress: each will be made again. */
  end(): void {
    this.#stop.abort();
  }

  async #run(batch: BatchRow, { call }: Called, rest: () => Promise<Removal>): Promise<void> {
    try {
      const end = await call();
      if (this.#isEnded) return;
      if (end !== "done") return await this.#parts.wait(batch, end.waits);
      const until = performance.now() + REST_MS;
      let last: Removal = "more";
      while (last !== "done" && !this.#isEnded && performance.now() < until) {
        last = await rest();
        if (last === "busy") await pause(BUSY_MS);
      }
    } catch (error) {
      if (!this.#isEnded)
        logOf(this.#parts.logger, batch).warn("What the batch has delivered cannot be taken back now:", error);
    }
  }

  get #isEnded(): boolean {
    return this.#stop.signal.aborted;
  }
}
