/** Types for authors of handlers. The package exports them as `dataflow/handlers`. */
import type { Context, Service } from "moleculer";

/** The params of a handler. It gets each chunk at least once; `batchId:chunk` is the idempotency key. */
export interface HandlerCall {
  /** The batch's public id. */
  batchId: string;
  /** The client's public id. */
  clientId: string;
  /** The name of the dataset that the batch was sent to; `default`: the client's own policy. */
  dataset: string;
  /** The chunk's number in its batch, from 0. The chunks of a batch never change. */
  chunk: number;
  /** Rises with each claim of the batch. A call with a lower fence than one seen before comes from a worker that lost the batch. */
  fence: number;
  /**
   * The valid records of the chunk, each with its number in the body.
   * A number in `data` is a JavaScript number if a double holds it exactly, as it does any number of up to 15 digits. Any
   * other number is text with its digits: "9007199254740993", "1e400".
   */
  records: { record: number; data: Record<string, unknown> }[];
}

/** A record that the handler refuses. Code and message reach the partner, in the error report. */
export interface RefusedRecord {
  record: number;
  errors: { field?: string; code: string; message?: string }[];
}

/**
 * What becomes of the chunk.
 * - `done`: the handler has taken the records, but for the `rejected` ones.
 * - `retry`: this attempt failed. The same chunk comes again after `delayMs`, or after the policy's `backoff`.
 * - `snooze`: not now. The same chunk comes again after `delayMs`; this does not count as an attempt.
 * - `cancel`, `fail`: the batch ends here, as `cancelled` or `failed`.
 *
 * Only operators see a `reason`.
 */
export type HandlerOutcome =
  | { outcome?: "done"; rejected?: RefusedRecord[] }
  | { outcome: "retry" | "snooze"; delayMs?: number; reason?: string }
  | { outcome: "cancel" | "fail"; reason?: string };

/** The answer of a handler. No answer means `done`, and a throw means `retry`. */
export type HandlerAnswer = undefined | null | HandlerOutcome;

/** A Moleculer action that takes a chunk's valid records. `Settings` are those of its service. */
export interface ImportHandler<Settings = Record<string, unknown>> {
  /**
   * A policy may name this action as its handler only if this is true. So partners' records reach only actions that are meant for them.
   */
  importHandler: true;
  /**
   * Whether the handler can undo a batch. To undo one, DataFlow calls the handler with `{batchId}` and without `records`, and repeats
   * the call until the handler answers. It may also be called again for the same batch.
   */
  importUndo?: true;
  /** Moleculer's own circuit breaker. While it is open, batches of this handler wait, and the wait is not an attempt. */
  circuitBreaker?: {
    enabled: boolean;
    threshold?: number;
    windowTime?: number;
    minRequestCount?: number;
    halfOpenTime?: number;
  };
  // biome-ignore lint/suspicious/noConfusingVoidType: a handler that answers nothing is done.
  handler(this: Service<Settings>, ctx: Context<HandlerCall>): HandlerAnswer | void | Promise<HandlerAnswer | void>;
}
