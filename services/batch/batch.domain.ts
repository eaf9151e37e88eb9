/** A batch: its states, what is known of it, and how it is changed. Values and types alone; the database speaks them too. */
import type { GroupedFaults } from "../../formats/check/fault-groups.ts";
import type { Envelope, Format, RejectedRecord } from "../../formats/formats.ts";
import type { OutboxDraft, OutboxRow } from "../outbox/outbox.domain.ts";
import type { AppliedChunk, RowCounts, TableCommit, TableWritten } from "./batch.table.domain.ts";

export const batchStates = [
  "receiving",
  "received",
  "ready",
  "processing",
  "completed",
  "completed_with_errors",
  "failed",
  "rejected",
  "held",
  "cancelled",
  "validated",
  "undoing",
  "undone",
] as const;
export type BatchState = (typeof batchStates)[number];

/** The states in which a batch ends. A failed one may be redriven, a validated one committed, and one that has delivered taken back. */
export const finalStates = [
  "completed",
  "completed_with_errors",
  "failed",
  "rejected",
  "cancelled",
  "validated",
  "undone",
] as const satisfies readonly BatchState[];

export const isFinal = (state: BatchState): boolean => (finalStates as readonly BatchState[]).includes(state);

/** The dataset of a client's own policy. No other has this name. */
export const ownDataset = "default";

/** No other text names a dataset. */
const DATASET_NAME = /^[a-z][a-z0-9_-]{0,63}$/;
export const isDatasetName = (name: string): boolean => DATASET_NAME.test(name);

/** Why a batch waits (held; `waits`: ready, after it was handed back) or how it went wrong (failed, rejected). */
export type Reason =
  | { hold: "approval" | "window"; until: number | null; counts?: HoldCounts }
  | OrderHold
  | { waits: string }
  /** `waits`: why one that is `undoing` does not go on now. */
  | { code: string; detail: string; waits?: string };

/** What a check has found before it is delivered. `deleted`: records that would delete their row; omitted where none goes into a table. */
export interface HoldCounts {
  received: number;
  accepted: number;
  rejected: number;
  duplicate: number;
  deleted?: number;
}

/** Its dataset keeps an order, and a batch in front has not ended. The name `hold` comes first: SQL looks for it. */
export interface OrderHold {
  hold: "order";
  /** The first batch of its lane, when it was held. */
  batchId: string;
  /** An operator has let it go on: no window holds it again. */
  isApproved?: boolean;
}

/** A client's batches that are worked one after another, by the name of their dataset and what made it. */
export interface Lane {
  clientId: number;
  lane: string;
}

/** A lane that nobody moves on: its first batch has ended (or is gone), or waits for its order alone. */
export interface StalledLane extends Lane {
  batchId: number;
  isOver: boolean;
}

/**
 * `validate`: a pass that only checks, before anything is delivered (onInvalid: rejectBatch). `check`: the only pass of validateOnly.
 * `review`: the same check before an approval by its figures; the batch starts over to be delivered.
 */
export type Phase = "validate" | "deliver" | "check" | "review";

/** Whether a pass finds all that a delivery would, and delivers nothing. */
export const isCheckOnly = (phase: Phase): boolean => phase === "check" || phase === "review";

/** A batch, as its table and its upload or worker have it. Times are the database's clock, epoch ms. */
export interface BatchRow {
  id: number;
  publicId: string;
  clientId: number;
  policyVersion: number;
  state: BatchState;
  reason: Reason | null;
  format: Format;
  envelope: Envelope;
  /** SHA-256 of the decoded body, in hex; null while receiving. */
  contentHash: string | null;
  requestId: string | null;
  bytes: number;
  records: number;
  /** Chunks that are stored; 0 after they were purged. */
  chunks: number;
  phase: Phase;
  nextChunk: number;
  accepted: number;
  rejected: number;
  duplicate: number;
  fence: number;
  owner: string | null;
  dueAt: number | null;
  /** Attempts at the next chunk. Each claim adds one; a commit sets 1, because the same run goes on. */
  attempt: number;
  attemptsTotal: number;
  version: number;
  createdAt: number;
  readyAt: number | null;
  startedAt: number | null;
  finishedAt: number | null;
  /** The public id of the batch whose rejected records these are. */
  retryOf: string | null;
  /** Rows of its error report: a record takes one for each of its faults. */
  faults: number;
  /** Rejected records that the report does not list. */
  unlisted: number;
  /** The name of the kind of import: `default` is the client's own policy. */
  dataset: string;
  /** What became of rows in the company's own table; together they are `accepted`. Null: its records go elsewhere. */
  created: number | null;
  updated: number | null;
  deleted: number | null;
  /** `rejected` when it was last redriven: its limits count from there. Null: it was not, or has started over since. */
  rejectedBefore: number | null;
  /** When it was committed after a check. Null: it was not. */
  committedAt: number | null;
  /** The public id of the batch whose rejected records it corrects. */
  corrects: string | null;
  /** How many of its rejected records later batches have corrected. Null: none. */
  corrected: number | null;
}

/** What operators see of a batch: what it waits for, though it is ready. */
export const waitsOf = ({ state, reason }: Pick<BatchRow, "state" | "reason">): string | null =>
  (state === "ready" || state === "undoing") && reason && "waits" in reason ? (reason.waits ?? null) : null;

/** The counts of rows, where records went into a table. */
export const rowCountsOf = ({ created, updated, deleted }: BatchRow): Partial<RowCounts> =>
  created === null ? {} : { created, updated: updated ?? 0, deleted: deleted ?? 0 };

/** When a wait ends: after so long by the database's clock, at a time, or (null) never by itself. */
export type Due = { inMs: number } | { at: number } | null;

/** What a unit wrote: the batch after it, and its outbox rows, which are published and then deleted. */
export interface Written {
  batch: BatchRow;
  outbox: OutboxRow[];
  /** Of a commit with rows of a table; omitted where its answer was lost. */
  table?: TableWritten;
}

/** A stored piece of a body: some consecutive records. */
export interface StoredChunk {
  no: number;
  firstRecord: number;
  firstLine: number | null;
  records: number;
  codec: "zstd" | "none";
  oversized: number[];
  body: Uint8Array;
}

/** The number, among the chunks, of the first part of a body that is kept as it came. A batch has fewer chunks of records. */
export const firstBodyPart = 1_000_000_000;

/** A batch that may be claimed, with the fence that the claim will raise, and what tells how large it is. */
export interface Candidate extends Pick<BatchRow, "policyVersion" | "phase" | "chunks" | "records" | "bytes"> {
  id: number;
  publicId: string;
  clientId: number;
  fence: number;
  /** How many places its client has free. */
  room: number;
}

/** This many records of small batches count for their client as much as one batch that is claimed alone. */
export const RECORDS_A_TURN = 1_000;

export interface Claimed {
  batch: BatchRow;
  /** The chunk at `nextChunk`, read in the same unit where that is cheap. */
  chunk: StoredChunk | null;
}

export interface ChunkCommit {
  id: number;
  fence: number;
  /** The chunk that is committed; must be the row's `nextChunk`. */
  chunk: number;
  leaseMs: number;
  /** `seq` of the chunk's first record. */
  firstRecord: number;
  /** How many records the chunk holds. */
  records: number;
  /**
   * The JSON of the accepted records, joined by LF, as UTF-8. The n-th text gets the n-th position of the chunk that is
   * neither in `errors`, `unlisted`, `passed` nor `unique.duplicates`. Empty: none is stored.
   */
  text: Uint8Array;
  /** Rejected records for the report. */
  errors: RejectedRecord[];
  /** Positions, rising, of further rejected records, which are only counted. */
  unlisted: number[];
  /** What rejected records of a correction would have corrected: the keys, in hex, by the positions of these records. */
  rejectedMarks?: Record<number, string>;
  /** The faults of all of these, counted. The numbers of their records are positions in the chunk. Omitted: there are none. */
  grouped?: GroupedFaults;
  /** Positions, rising, of records that their table has already. Nothing of them is stored. */
  passed?: number[];
  unique?: UniqueKeys | undefined;
  /** The records of `text` are rows of the company's own table as well, which are written in the same unit. */
  table?: TableCommit | undefined;
  /**
   * Added to the batch's counts. A record of `text` whose key is taken moves from `accepted` to `duplicate` by itself, and one
   * that its table refuses or has already moves too.
   */
  counts: { accepted: number; rejected: number; duplicate: number; rows?: RowCounts };
  /** The batch's phase and next chunk after the commit. */
  next: { phase: Phase; chunk: number };
  /** The batch ends with this commit: running−1, finished_at, and its events. `purge` deletes its chunks in the same unit. */
  end: { state: BatchState; reason: Reason | null; due: Due; purge: boolean; events: OutboxDraft[] } | null;
}

/** What a chunk's commit does with its records' unique keys. Keys are bytes in hex. */
export interface UniqueKeys {
  /**
   * Positions, rising, of records that are known to be duplicates: of a record in the same chunk, or because their key
   * could not be reserved.
   */
  duplicates: number[];
  /** A key for each record of `text`, joined by "\n". An empty one: the record has no key. Written if absent. */
  keys: string;
  /** If keys were reserved: the keys of records that were refused afterwards. These become free again; the others stay. */
  freed: string[] | null;
  /** How long the keys of delivered records last; null or omitted: for ever. */
  keepMs?: number | null;
  /** Reserved keys that mark rejected records of an earlier batch as corrected: the id of that batch, and what the keys lie between. */
  marks?: { first: number; from: string; to: string };
}

/** Why and where a worker's attempt at a batch failed. */
export interface FailedAttempt {
  node: string;
  code: string;
  detail: string;
}

/** A move of a batch from one state to another, outside a chunk commit. Nothing is written unless all conditions hold. */
export interface Move {
  id: number;
  from: BatchState;
  /** The version (or fence) that the caller has seen; omitted: any. */
  version?: number;
  fence?: number;
  /** Only when its `due_at` has passed by the database's clock. */
  onlyDue?: boolean;
  to: BatchState;
  due: Due;
  reason: Reason | null;
  /** `reset` sets attempt to 0, `uncount` takes one back (a claim that is no attempt: attempt and attempts_total −1, not below 0). */
  attempt: "keep" | "reset" | "uncount";
  /** Starts over: next_chunk 0, counts 0, this phase. The record errors so far become stale. */
  restart?: Phase;
  /** The failed attempt that ends with the move. It is stored. */
  failed?: FailedAttempt;
  /** It has no place in its lane, and takes the last one. */
  enters?: Lane;
  /** Its records are counted with the move. The error report does not list those that are rejected. */
  applied?: AppliedChunk;
  events: OutboxDraft[];
}
