/** The types for who writes a handler: the package exports them as `dataflow/handlers`. */
import type { Context, Service } from "moleculer";

/** What a handler gets, at least once for each chunk; `batchId:chunk` is the idempotency key. */
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

/** What a handler answers. Nothing at all is `done`, a throw is `retry`. */
export type HandlerAnswer = undefined | null | HandlerOutcome;

/** A Moleculer action that takes a chunk's valid records. `Settings` are those of its service. */
export interface ImportHandler<Settings = Record<string, unknown>> {
  /** Without it no policy may name this action, so partners' records reach only actions that are meant for them. */
  importHandler: true;
  /**
   * Whether the handler takes batches back. To undo a batch it is called repeatedly with `{batchId}` alone, without `records`,
   * until it answers. It may be called again for the same batch.
   */
  importUndo?: true;
  /** While it is open the batches of this handler wait; that counts as no attempt. Moleculer's own option. */
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
