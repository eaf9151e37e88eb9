/** How many batches of a client are in each state now. */
export interface QueueUse {
  running: number;
  ready: number;
  held: number;
}

/** How much of its limits a client uses now. A limit of null: the client has no such limit, or has never sent a batch. */
export interface ClientUse {
  /** When its newest batch was created, epoch ms. */
  lastBatchAt: number | null;
  running: number;
  cap: number | null;
  /** The bytes of the current UTC day. They are counted only for a client with a quota. */
  bytes: number;
  records: number;
  bytesPerDay: number | null;
  recordsPerDay: number | null;
}

/** Why a client may need the attention of an operator. */
export const clientNeeds = ["maxConcurrentBatches", "bytesPerDay", "recordsPerDay", "webhook"] as const;

/** A client that is at a limit, or whose webhook is off because its receiver is gone. */
export interface ClientNeed {
  kind: (typeof clientNeeds)[number];
  publicId: string;
  identifier: string;
  name: string;
  /** How much of the limit is used. Without a limit both numbers are 0. */
  used: number;
  limit: number;
  /** Since when, in epoch ms. Null: unknown. */
  since: number | null;
}

/** Reads about batches, apart from their rows: pages, failed attempts, error reports, the queue, and what retention removes. */
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

/** The version of a batch that a reader has seen. */
export interface SeenBatch {
  publicId: string;
  version: number;
}

export interface RefusedRecord {
  seq: number;
  /** The key, in hex, of the record that this one would have corrected. Null: it would have corrected none. */
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
  /** The number of all faults. */
  total: number;
  /** The number of rejected records. */
  records: number;
  /** The groups, the largest first. */
  groups: FaultGroup[];
  /** The number of faults in groups that are not listed. */
  other: { count: number };
}

export interface QueueStats {
  /** The time by the database's clock, epoch ms. */
  now: number;
  /** The number of batches in each state. */
  states: Partial<Record<BatchState, number>>;
  /** The time since which the oldest claimable batch has waited. */
  oldestReadyAt: number | null;
  /** The batch that has waited longest. */
  oldestReady: { batchId: string; clientId: number } | null;
  /** Batches that are ready, but whose client is at its cap (counted up to 10,000), and since when the oldest one waits. */
  waitsForItsClient: { batches: number; oldestAt: number | null };
  /** When the batch that has been held for longest was held. */
  oldestHeldAt: number | null;
  /** Counted up to 100,000. */
  outboxDepth: number;
  /** When the oldest document in the outbox was written. */
  oldestEvent: string | null;
  /** The earliest `due_at` of a due delivery. */
  oldestDeliveryAt: number | null;
  /** Counted up to 10,000. */
  deliveriesDue: number;
  running: { owner: string; batches: number }[];
}

/** How long the oldest claimable batch has waited, in ms. Null: no batch is claimable. */
export const oldestReadyMs = ({ oldestReadyAt, now }: Pick<QueueStats, "oldestReadyAt" | "now">): number | null =>
  oldestReadyAt === null ? null : Math.max(0, now - oldestReadyAt);

/**
 * The result of one step of a deletion. `done`: nothing is left, or nothing is due yet. `busy`: another node deletes from this batch.
 */
export type Removal = "done" | "more" | "busy";

/** The tables from which `retention` deletes rows by their age. It counts the deleted rows of each. */
export const agingTables = [
  "batch",
  "batch_chunk",
  "record",
  "record_error",
  "idempotency_key",
  "content_key",
  "record_key",
  "client_usage",
  "audit",
  "stat_hour",
] as const;
/** Receives the number of rows that were deleted from a table. */
export type Removed = (table: (typeof agingTables)[number], rows: number) => void;

/** Record errors of an earlier pass of a batch that has started over. */
export interface StaleErrors {
  batchId: number;
  pass: number;
  /** The id of the batch, and of the request that brought it. Null: the batch is gone, or no request is known. */
  publicId: string | null;
  requestId: string | null;
}

export interface BatchAttempt extends FailedAttempt {
  batchId: number;
  /** The attempt's number among all attempts at the batch. */
  no: number;
  at: number;
  /** Its number among the attempts at its chunk, that chunk (from 0), and what became of the batch. Null: not known. */
  attempt: number | null;
  chunk: number | null;
  toState: BatchState | null;
}
