/** What is read of batches beside their rows: pages, failed attempts, error reports, the queue, and what is to be removed. */
import type { FaultGroup } from "../../formats/check/fault-groups.ts";
import type { RecordFault } from "../../formats/formats.ts";
import type { BatchState } from "./batch.domain.ts";
import type { FailedAttempt } from "./batch.writes.domain.ts";

export interface ListQuery {
  clientId?: number;
  dataset?: string;
  state?: BatchState;
  /** Only batches with a lower id. The newest come first. */
  before?: number;
  limit: number;
}

/** A batch as a reader saw it last. */
export interface SeenBatch {
  publicId: string;
  version: number;
}

export interface RefusedRecord {
  seq: number;
  /** The key, in hex, of the record that it would have corrected. Null: it would have corrected none. */
  corrects: string | null;
}

export interface RecordErrors {
  seq: number;
  line: number | null;
  raw: string;
  errors: RecordFault[];
}

/** The faults of a batch by field and code. */
export interface ErrorSummary {
  /** All faults. */
  total: number;
  /** Rejected records. */
  records: number;
  /** The largest first. */
  groups: FaultGroup[];
  /** Faults of groups that are not shown. */
  other: { count: number };
}

export interface QueueStats {
  /** Rows by state. */
  states: Partial<Record<BatchState, number>>;
  /** Since when the oldest batch waits that could be claimed now. */
  oldestReadyAt: number | null;
  /** Batches that are ready, but whose client is at its cap (counted up to 10,000), and since when the oldest one waits. */
  waitsForItsClient: { batches: number; oldestAt: number | null };
  /** Counted up to 100,000. */
  outboxDepth: number;
  /** The oldest document in the outbox. */
  oldestEvent: string | null;
  /** The earliest `due_at` of a due delivery. */
  oldestDeliveryAt: number | null;
  running: { owner: string; batches: number }[];
}

/** How a piece of a removal ended. `done`: nothing is left, or not due yet. `busy`: another node deletes of this batch now. */
export type Removal = "done" | "more" | "busy";

/** The tables from which `retention` deletes rows by their age, and of which it tells how many. */
export const agingTables = [
  "batch",
  "batch_chunk",
  "record",
  "record_error",
  "idempotency_key",
  "content_key",
  "record_key",
  "client_usage",
] as const;
/** Told how many rows of a table were deleted. */
export type Removed = (table: (typeof agingTables)[number], rows: number) => void;

/** Record errors of an earlier pass of a batch that has started over. */
export interface StaleErrors {
  batchId: number;
  pass: number;
}

export interface BatchAttempt extends FailedAttempt {
  batchId: number;
  /** Its number among all attempts at the batch. */
  no: number;
  at: number;
}
