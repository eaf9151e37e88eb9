import type { TraceHeaders } from "../../lib/trace/trace.ts";
import { action, event, typed } from "../declare.ts";
import type { CloudEvent } from "../outbox/outbox.domain.ts";
import type { Policy } from "../policy/policy.contract.ts";
import {
  type BatchDetails,
  type BatchOutlook,
  type BatchRow,
  type BatchState,
  batchStates,
  type Claimed,
} from "./batch.domain.ts";
import type { BatchesFound, BatchFilter, BatchPage, BoundedCount } from "./batch.filter.domain.ts";
import type { History } from "./batch.history.domain.ts";
import type { Settlement } from "./batch.outcome.domain.ts";
import type {
  BatchAttempt,
  ErrorSummary,
  QueueStats,
  QueueUse,
  RecordErrors,
  SeenBatch,
} from "./batch.reads.domain.ts";
import type { RowReference, TableVerdict } from "./batch.table.domain.ts";
import type { ChunkCommit } from "./batch.writes.domain.ts";

/** A claimed batch, and what its run needs. The policy is the version that the batch was accepted under. */
export interface Claim extends Claimed {
  policy: Policy;
  /** The scope of the batch's unique keys within the client: its dataset. Omitted: the client's own policy. */
  scope?: string;
  clientPublicId: string;
  clientIdentifier: string;
}

/** `isNew`: this call has started the undo. False: the batch was being undone before. */
export interface Undo {
  batch: BatchRow;
  isNew: boolean;
  /** Only in a dry run: how many records of other batches were counted as duplicates of this batch's records. */
  duplicatesElsewhere?: number;
  /** Only in a dry run: the foreign keys by which other rows refer to the batch's rows in a table. */
  references?: RowReference[];
}

/** Some rows of a table database's `dataflow_applied`. Null: the database is away, or it does not have that table. */
export interface AppliedIn {
  database: string;
  /** `changedAt` is epoch ms by that database's clock. */
  rows: { batch: string; fence: number; nextChunk: number; changedAt: number }[] | null;
}

/** Local event: this node's sweep has moved due batches on; workers should poll now. */
export const SWEPT = "$batch.swept";

const publicId = { type: "string" } as const;
/** The client who asks. Omitted: an operator asks, and may name any client's batch. */
const clientId = { type: "number", optional: true } as const;
/** The reason in the caller's own words, for the audit and the history. */
const reason = { type: "string", optional: true } as const;
const state = { type: "enum", values: batchStates, optional: true } as const;

export const batchActions = {
  /** Answers a batch by its public id. Throws not-found, also for an upload that is not committed. */
  get: action({ publicId, clientId }).answers<BatchRow>(),
  list: action({
    clientId,
    dataset: { type: "string", optional: true },
    state,
    before: { type: "number", optional: true },
    limit: { type: "number", integer: true, min: 1, max: 201 },
  }).answers<BatchRow[]>(),
  /**
   * Lists the batches of a filter, the newest first unless the page asks for the oldest. A page may have fewer batches than its limit,
   * or none, although more pages follow: only a `next` of null ends the list. A call looks at no more than `MOST_LOOKED_AT` batches a
   * walk.
   */
  find: action({
    filter: typed<BatchFilter>({ type: "object" }),
    page: typed<BatchPage>({
      type: "object",
      props: { limit: { type: "number", integer: true, min: 1, max: 1_000 } },
    }),
  }).answers<BatchesFound<BatchRow>>(),
  /** Counts a filter's batches by state, each up to `MOST_COUNTED_BATCHES`. A filter with states counts only these. */
  counts: action({ filter: typed<BatchFilter>({ type: "object" }) }).answers<
    Partial<Record<BatchState, BoundedCount>>
  >(),
  /** For each of these batches: the progress of its run, why it waits, and until when. For operators. */
  outlooks: action({ batches: typed<BatchRow[]>({ type: "array" }) }).answers<BatchOutlook[]>(),
  /** How many attempts at a chunk the batch's pinned policy allows. Cached after the first read. Throws unavailable. */
  maxAttempts: action({ clientId: { type: "number" }, policyVersion: { type: "number" } }).answers<number>(),
  /** The batch's idempotency key, the batches made from its rejected records, and how long it is kept. */
  details: action({ batch: typed<BatchRow>({ type: "object" }) }).answers<BatchDetails>(),
  /** The batches whose version has changed, without their envelope. One query reads all of them. */
  changed: action({
    seen: typed<SeenBatch[]>({ type: "array" }),
  }).answers<BatchRow[]>(),
  /** Rejected records after `after` (a record's number), in order. */
  errors: action({
    id: { type: "number" },
    after: { type: "number" },
    limit: { type: "number" },
  }).answers<RecordErrors[]>(),
  /** The rejected records of these numbers that a later batch has delivered. */
  corrected: action({
    batch: typed<BatchRow>({ type: "object" }),
    records: typed<number[]>({ type: "array", items: "number" }),
  }).answers<number[]>(),
  /** All faults of a batch by field and code, the largest groups first. Of a running batch: those of its current pass. */
  errorSummary: action({ id: { type: "number" } }).answers<ErrorSummary>(),
  /** The last failed attempts of each of these batches, newest first. For operators. */
  attempts: action({
    ids: typed<number[]>({ type: "array", items: "number" }),
    last: { type: "number", integer: true, min: 1 },
  }).answers<BatchAttempt[]>(),
  /** For operators: who has moved the batch, when and why, its holds and failed attempts. Throws not-found. */
  history: action({ publicId }).answers<{ batch: BatchRow } & History>(),
  /** Stored records after `after`, in order. */
  records: action({
    id: { type: "number" },
    after: { type: "number" },
    limit: { type: "number" },
  }).answers<{ seq: number; data: string }[]>(),

  /** A part of a kept body, by its number from 0. Null: there is no such part, or the body is no longer kept. */
  bodyPart: action({ id: { type: "number" }, no: { type: "number" } }).answers<Uint8Array | null>(),

  /** Cancels, approves or otherwise moves one batch. Each of these actions throws not-found, illegal-state. */
  cancel: action({ publicId, clientId, reason }).answers<BatchRow>(),
  approve: action({ publicId, reason }).answers<BatchRow>(),
  reject: action({ publicId, reason }).answers<BatchRow>(),
  redrive: action({ publicId, reason }).answers<BatchRow>(),
  /**
   * Undoes what a batch has delivered: the batch becomes `undoing`, and later `undone`. A batch in either state does not change. With
   * `isDryRun` nothing is written. Throws not-found, illegal-state, not-undoable, unavailable.
   */
  undo: action({
    publicId,
    reason,
    isDryRun: { type: "boolean", optional: true },
  }).answers<Undo>(),
  /** Moves a batch to `undone`, after everything that it delivered has been deleted. Null: the batch is no longer `undoing`. */
  finishUndo: action({ publicId }).answers<BatchRow | null>(),
  /** Reserves the undo of a batch for one node for so long. False: another node was faster, or the batch is no longer `undoing`. */
  claimUndo: action({ publicId, forMs: { type: "number", integer: true, min: 1 } }).answers<boolean>(),
  /** Records why the undo of a batch cannot continue now (`waits`). It is tried again soon. */
  waitUndo: action({ publicId, waits: { type: "string" } }).answers<void>(),
  /** Skips a batch. The later batches of its lane no longer wait for it. */
  skip: action({ publicId, reason }).answers<BatchRow>(),
  /** Lets the first batch of a lane continue if only the order of its lane holds it. */
  advance: action({ clientId: { type: "number" }, lane: { type: "string" } }).answers<void>(),

  /** failed → ready with attempts at 0. Throws not-found, illegal-state, gone. */
  retry: action({ publicId, clientId, reason }).answers<BatchRow>(),
  /**
   * Claims a batch. Null: another worker has claimed it, the client has no free place, or the policy is gone and the batch has
   * failed.
   */
  claim: action({ id: { type: "number" }, owner: { type: "string" } }).answers<Claim | null>(),
  /** Claims small batches together. The batches of one client take one of its places. Answers the batches that were claimed. */
  claimGroup: action({
    ids: typed<number[]>({ type: "array", items: "number" }),
    owner: { type: "string" },
  }).answers<Claim[]>(),
  /**
   * Commits a chunk, and answers the batch after the commit. Null: the fence was raised, nothing was written, and the worker must stop.
   * `end` comes without events, because this action adds them.
   */
  commitChunk: action({
    batch: typed<BatchRow>({ type: "object" }),
    commit: typed<WorkerCommit>({ type: "object" }),
  }).answers<BatchRow | null>(),
  /** Commits one chunk of several batches in one unit. A commit that fails changes nothing for the others. Throws unavailable. */
  commitChunks: action({
    commits: typed<{ batch: BatchRow; commit: WorkerCommit }[]>({ type: "array" }),
  }).answers<({ batch: BatchRow | null } | { error: unknown })[]>(),
  /**
   * Claims a batch in the database of its table, if that is another database, before the first chunk of a run. `verdict`: that database
   * already has the chunk at hand, with this result. Null: the batch is no longer the worker's. Throws TableFailure.
   */
  enterTable: action({ batch: typed<BatchRow>({ type: "object" }) }).answers<{ verdict: TableVerdict | null } | null>(),
  /** What the table databases have stored about running batches, for operators. */
  appliedRows: action({}).answers<AppliedIn[]>(),
  /** The round trip to each database of `TABLE_DATABASES`, in ms. Null: it cannot be used now. */
  pingTables: action({}).answers<Record<string, number | null>>(),
  /** Writes the outcome of a run, and answers the batch. Null: the fence was raised, and nothing was written. */
  settle: action({
    batch: typed<BatchRow>({ type: "object" }),
    outcome: typed<Settlement>({ type: "object" }),
  }).answers<BatchRow | null>(),
  /** Ends the delay of a batch that was handed back. Null: the batch has changed since. */
  endSnooze: action({ batch: typed<BatchRow>({ type: "object" }) }).answers<BatchRow | null>(),

  /** Stores a client's cap and weight, by which workers choose the next batch. */
  configureQueue: action({
    clientId: { type: "number" },
    cap: { type: "number" },
    weight: { type: "number" },
  }).answers<void>(),
  /** Counts over all batches. `now` is the database's clock. Throws unavailable. */
  stats: action({}).answers<Stats>(),
  /** The kind of the database, and which migrations it has and lacks, in their order. Throws unavailable. */
  migrations: action({}).answers<{ kind: "sqlite" | "postgres" | "mssql"; applied: string[]; pending: string[] }>(),
  /** How many batches of a client run and wait now, counted up to 10,000. Throws unavailable. */
  queueOf: action({ clientId: { type: "number" } }).answers<QueueUse>(),
  /** Makes a small write to the database, and answers how long it took, in ms. Throws unavailable. */
  ping: action({}).answers<number>(),
};

/** What waits in the database, and for how long. `now` is the database's clock. */
export type Stats = Omit<QueueStats, "oldestEvent"> & {
  /** When the event that has waited longest for RabbitMQ was made. */
  oldestEventAt: number | null;
};

/** A worker's commit of a chunk. It has no events for the end of the batch, because `batch` writes these. */
export type WorkerCommit = Omit<ChunkCommit, "id" | "fence" | "leaseMs" | "end"> & {
  end: { state: BatchState; error: { code: string; detail: string } | null } | null;
  /** The trace of the run, for the events of the batch's end. Omitted: the run is not traced. */
  trace?: TraceHeaders;
};

/**
 * The local bus carries `BatchNews` when this node has changed a batch. It is not a Moleculer event: an event costs 10 µs, and usually
 * no request waits for the batch. Other nodes learn of the change from the events below.
 */
export const BATCH_WRITTEN = "batch.written";

/** What a node tells itself when it has changed a batch. */
export interface BatchNews {
  batchId: string;
  version: number;
  hasEnded: boolean;
}

const news = {
  subject: { type: "string" },
  data: { type: "object", props: { version: { type: "number" } } },
} as const;

export const batchEvents = {
  "batch.created": event<CloudEvent>(news),
  "batch.ready": event<CloudEvent>(news),
  "batch.completed": event<CloudEvent>(news),
  "batch.validated": event<CloudEvent>(news),
  "batch.undone": event<CloudEvent>(news),
  "batch.held": event<CloudEvent>(news),
};
