import { action, queue } from "../declare.ts";

/** What a custom handler gets, at least once for each chunk; `batchId:chunk` is its idempotency key. */
export interface HandlerCall {
  batchId: string;
  clientId: string;
  chunk: number;
  fence: number;
  /**
   * In `data` a number is a number where a double holds it, as it does with any number of up to 15 digits. Else it is its
   * digits, as text: "9007199254740993", "1e400". Databases take decimals as text, and text comes through every serializer.
   */
  records: { record: number; data: Record<string, unknown> }[];
}

/**
 * What a custom handler answers; nothing at all is `done`, a throw is `retry`.
 * `done` may reject records of its own; `snooze` waits without an attempt; `cancel` and `fail` end the batch.
 * The code and message of a refused record reach the partner. A `reason`, and the message of what was thrown, are for operators alone.
 */
export type HandlerAnswer = undefined | null | HandlerOutcome;
export type HandlerOutcome =
  | {
      outcome?: "done";
      rejected?: { record: number; errors: { field?: string; code: string; message?: string }[] }[];
    }
  | { outcome: "retry" | "snooze"; delayMs?: number; reason?: string }
  | { outcome: "cancel" | "fail"; reason?: string };

/** Where an idle worker may begin to look. */
export interface ReadyBatch {
  batchId: string;
  /** Of its row. */
  id: number;
  fence: number;
}

export const batchProcessorQueues = {
  /**
   * Something may be claimable; the setting BATCH_READY_QUEUE is its name in RabbitMQ. A ReadyBatch is no promise, and it
   * may be missing: whoever takes the token looks for all there is.
   */
  "batch.ready": queue({
    batchId: { type: "uuid", nullable: true },
    id: { type: "number", optional: true },
    fence: { type: "number", optional: true },
  }),
};

export interface WorkerStatus {
  paused: boolean;
  slots: number;
  /** The ids of its batches. */
  running: string[];
}

/** All three speak of one worker: call them with its `nodeID`. */
export const batchProcessorActions = {
  /** What this worker does now. */
  status: action({}).answers<WorkerStatus>(),
  /** It claims nothing any more, and finishes what runs. A restart forgets it. */
  pause: action({}).answers<WorkerStatus>(),
  resume: action({}).answers<WorkerStatus>(),
};
