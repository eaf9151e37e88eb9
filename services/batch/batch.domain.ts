/** A batch: its states and its columns. Only values and types, which the database uses too. */
import type { Envelope, Format } from "../../formats/formats.ts";
import type { RowCounts } from "./batch.table.domain.ts";

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

/** The states that users see. A user does not see an upload as a batch before its commit. */
export const visibleStates: readonly BatchState[] = batchStates.filter((state) => state !== "receiving");

/**
 * The states in which a batch ends. Later a failed batch may be redriven, a validated one committed, and one with delivered
 * records undone.
 */
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

/** In these states a batch continues without an action of a user, as soon as a node has time for it. */
export const movingStates = [
  "receiving",
  "received",
  "ready",
  "processing",
  "undoing",
] as const satisfies readonly BatchState[];

/** The name of the dataset that is the client's own policy. No other dataset may have this name. */
export const ownDataset = "default";

/** The pattern for names of datasets. */
const DATASET_NAME = /^[a-z][a-z0-9_-]{0,63}$/;
export const isDatasetName = (name: string): boolean => DATASET_NAME.test(name);

/** Why a batch is held, waits after it was handed back (`waits`), has failed, or was rejected. */
export type Reason =
  | { hold: "approval" | "window"; until: number | null; counts?: HoldCounts }
  | OrderHold
  | { waits: string }
  /** `waits`: why the undo of a batch cannot continue now. */
  | { code: string; detail: string; waits?: string };

/** The counts of a check, before delivery. `deleted`: records that would delete their row; omitted for a dataset without a table. */
export interface HoldCounts {
  received: number;
  accepted: number;
  rejected: number;
  duplicate: number;
  deleted?: number;
}

/** Its dataset keeps an order, and an earlier batch has not ended. `hold` must be the first member: SQL searches the text for it. */
export interface OrderHold {
  hold: "order";
  /** The batch that was the first of the lane when this one was held. */
  batchId: string;
  /** An operator has approved the batch, so no window holds it again. */
  isApproved?: boolean;
}

/** A lane: a client's batches that run one after another. `lane` holds the dataset's name and the version that created it. */
export interface Lane {
  clientId: number;
  lane: string;
}

/** A lane that does not move by itself: its first batch has ended or was deleted, or only the order holds it. */
export interface StalledLane extends Lane {
  batchId: number;
  /** The id of the batch, and of the request that brought it. Null: the batch is gone, or no request is known. */
  publicId: string | null;
  requestId: string | null;
  isOver: boolean;
}

/**
 * `validate`: a pass that only checks, before anything is delivered (onInvalid: rejectBatch). `check`: the only pass of validateOnly.
 * `review`: the same check before an approval by its figures; the batch starts over to be delivered.
 */
export type Phase = "validate" | "deliver" | "check" | "review";

/** Whether a pass only checks. Such a pass finds every fault that a delivery would find, and delivers nothing. */
export const isCheckOnly = (phase: Phase): boolean => phase === "check" || phase === "review";

/** A row of the table `batch`. Times are epoch ms by the database's clock. */
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
  /** How many chunks are stored: 0 after they were deleted. */
  chunks: number;
  phase: Phase;
  nextChunk: number;
  accepted: number;
  rejected: number;
  duplicate: number;
  fence: number;
  owner: string | null;
  dueAt: number | null;
  /** Attempts at the next chunk. Each claim adds one. A commit sets 1, because the same run continues. */
  attempt: number;
  attemptsTotal: number;
  version: number;
  createdAt: number;
  readyAt: number | null;
  startedAt: number | null;
  finishedAt: number | null;
  /** The public id of the batch whose rejected records this batch contains. */
  retryOf: string | null;
  /** How many rows the error report has. A rejected record has one row for each of its faults. */
  faults: number;
  /** How many rejected records the error report does not list. */
  unlisted: number;
  /** The name of the batch's dataset. `default` is the client's own policy. */
  dataset: string;
  /**
   * How many rows of the company's own table were created, updated and deleted. Their sum is `accepted`. Null: the records do
   * not go into a table.
   */
  created: number | null;
  updated: number | null;
  deleted: number | null;
  /** `rejected` at the last redrive; `maxErrors` counts from there. Null: the batch was not redriven, or has started over since. */
  rejectedBefore: number | null;
  /** When the batch was committed after a check. Null: it was not. */
  committedAt: number | null;
  /** The public id of the batch whose rejected records this batch corrects. */
  corrects: string | null;
  /** How many of this batch's rejected records later batches have corrected. Null: none. */
  corrected: number | null;
  /** The trace of the request that created the batch, in the form of `traceText`. Null: the request was not traced. */
  trace: string | null;
}

/** What a ready or undoing batch waits for, as operators see it. Null: nothing. */
export const waitsOf = ({ state, reason }: Pick<BatchRow, "state" | "reason">): string | null =>
  (state === "ready" || state === "undoing") && reason && "waits" in reason ? (reason.waits ?? null) : null;

/** A worker's name is the id of its node and of that node's process. */
export const nodeOf = (owner: string | null): string => (owner ?? "").replace(/:[^:]*$/, "");

/** The progress of a batch's run. If the batch waits for a retry: of its last run. */
export interface BatchRun {
  /** The node that runs the batch. Null: none runs it now. */
  node: string | null;
  phase: Phase;
  /** The number of the current chunk, from 1. */
  chunk: number;
  chunks: number;
  /** How many attempts at this chunk were made. */
  attempt: number;
  maxAttempts: number;
  /** When the next attempt begins, in epoch ms. Null: the batch runs, or may be tried now. */
  nextAt: number | null;
}

/** What a batch does next. `waits`: why it waits, in a sentence (null: it does not). `waitsUntil`: the end of the wait, epoch ms. */
export interface BatchOutlook {
  id: number;
  run: BatchRun | null;
  waits: string | null;
  waitsUntil: number | null;
}

/** Details of one batch for operators. Times are epoch ms. */
export interface BatchDetails {
  idempotencyKey: string | null;
  /** The batches that were made from its rejected records, the newest first. */
  children: { publicId: string; state: BatchState; kind: "retry" | "correction" }[];
  bodyKeptUntil: number | null;
  expiresAt: number | null;
}

/** How many batches of a client run, and how many may run at once. */
export interface ClientQueue {
  clientId: number;
  running: number;
  cap: number;
  isPaused: boolean;
}

/** The counts of created, updated and deleted rows. Empty if the batch's records do not go into a table. */
export const rowCountsOf = ({ created, updated, deleted }: BatchRow): Partial<RowCounts> =>
  created === null ? {} : { created, updated: updated ?? 0, deleted: deleted ?? 0 };

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

/** The chunk number of the first part of an original body that is kept. It is higher than the number of any chunk of records. */
export const firstBodyPart = 1_000_000_000;

/** A batch that may be claimed: the fence that the claim will raise, and the figures of its size. */
export interface Candidate extends Pick<BatchRow, "policyVersion" | "phase" | "chunks" | "records" | "bytes"> {
  id: number;
  publicId: string;
  clientId: number;
  fence: number;
  /** How many more batches its client may run now. */
  room: number;
}

/** This many records in a group of small batches count for their client as much as one batch that is claimed alone. */
export const RECORDS_A_TURN = 1_000;

export interface Claimed {
  batch: BatchRow;
  /** The chunk at `nextChunk`, if the database can read it cheaply in the same unit. */
  chunk: StoredChunk | null;
}
