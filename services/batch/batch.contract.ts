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
  /** What its unique keys belong to beside the client, where it is of a dataset. */
  scope?: string;
  clientPublicId: string;
  clientIdentifier: string;
}

/** `isNew`: it was not being taken back before. */
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
/** Omitted: an operator asks, for any client. */
const clientId = { type: "number", optional: true } as const;
/** The caller's own words, for the audit and the history. */
const reason = { type: "string", optional: true } as const;
const state = { type: "enum", values: batchStates, optional: true } as const;

export const batchActions = {
  /** Throws not-found, also for an upload that is not committed. */
  get: action({ publicId, clientId }).answers<BatchRow>(),
  list: action({
    clientId,
    dataset: { type: "string", optional: true },
    state,
    before: { type: "number", optional: true },
    limit: { type: "number", integer: true, min: 1, max: 201 },
  }).answers<BatchRow[]>(),
  /**
   * The batches of a filter, the newest first unless the page asks for the oldest. A page may have fewer than its limit, or none, and go
   * on: `next` is its end then. No call looks at more than `MOST_LOOKED_AT` batches a walk.
   */
  find: action({
    filter: typed<BatchFilter>({ type: "object" }),
    page: typed<BatchPage>({
      type: "object",
      props: { limit: { type: "number", integer: true, min: 1, max: 1_000 } },
    }),
  }).answers<BatchesFound<BatchRow>>(),
  /** How many batches of each state a filter finds, each up to `MOST_COUNTED_BATCHES`; only of the filter's states, if it has some. */
  counts: action({ filter: typed<BatchFilter>({ type: "object" }) }).answers<
    Partial<Record<BatchState, BoundedCount>>
  >(),
  /** For each of these batches: how far its run is, why it waits, and until when. For operators. */
  outlooks: action({ batches: typed<BatchRow[]>({ type: "array" }) }).answers<BatchOutlook[]>(),
  /** How many attempts at a chunk its pinned policy allows. From memory, once it was read. Throws unavailable. */
  maxAttempts: action({ clientId: { type: "number" }, policyVersion: { type: "number" } }).answers<number>(),
  /** Its idempotency key, the batches that came of it, and how long it is kept. For operators. */
  details: action({ batch: typed<BatchRow>({ type: "object" }) }).answers<BatchDetails>(),
  /** The batches whose version has changed, without their envelope. One query, however many batches. */
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
  /** All its faults by field and code, the largest groups first: also while it runs, and of its current pass alone. */
  errorSummary: action({ id: { type: "number" } }).answers<ErrorSummary>(),
  /** The last failed attempts of each of these batches, newest first. For operators. */
  attempts: action({
    ids: typed<number[]>({ type: "array", items: "number" }),
    last: { type: "number", integer: true, min: 1 },
  }).answers<BatchAttempt[]>(),
  /** Who has moved the batch, when and why, its holds and its failed attempts: for operators. Throws not-found. */
  history: action({ publicId }).answers<{ batch: BatchRow } & History>(),
  /** Stored records after `after`, in order. */
  records: action({
    id: { type: "number" },
    after: { type: "number" },
    limit: { type: "number" },
  }).answers<{ seq: number; data: string }[]>(),

  /** A part of a kept body, by its number from 0. Null: there is no such part, or the body is no longer kept. */
  bodyPart: action({ id: { type: "number" }, no: { type: "number" } }).answers<Uint8Array | null>(),

  /** Each throws not-found, illegal-state. */
  cancel: action({ publicId, clientId, reason }).answers<BatchRow>(),
  approve: action({ publicId, reason }).answers<BatchRow>(),
  reject: action({ publicId, reason }).answers<BatchRow>(),
  redrive: action({ publicId, reason }).answers<BatchRow>(),
  /**
   * Takes back what it has delivered: `undoing`, and in a while `undone`. A batch that is either stays as it is. `isDryRun`: writes
   * nothing. Throws not-found, illegal-state, not-undoable, unavailable.
   */
  undo: action({
    publicId,
    reason,
    isDryRun: { type: "boolean", optional: true },
  }).answers<Undo>(),
  /** Everything of a batch that is `undoing` has been deleted. Null: it is not `undoing` any more. */
  finishUndo: action({ publicId }).answers<BatchRow | null>(),
  /** No other node looks at one that is `undoing` for so long. False: another one was faster, or it is not `undoing` any more. */
  claimUndo: action({ publicId, forMs: { type: "number", integer: true, min: 1 } }).answers<boolean>(),
  /** One that is `undoing` cannot go on now, and `waits` says why. It is tried again soon. */
  waitUndo: action({ publicId, waits: { type: "string" } }).answers<void>(),
  /** Skips a batch. The later batches of its lane no longer wait for it. */
  skip: action({ publicId, reason }).answers<BatchRow>(),
  /** Lets the first batch of a lane go on, if it waits for its order alone. */
  advance: action({ clientId: { type: "number" }, lane: { type: "string" } }).answers<void>(),

  /** failed → ready with attempts at 0. Throws not-found, illegal-state, gone. */
  retry: action({ publicId, clientId, reason }).answers<BatchRow>(),
  /**
   * Claims a batch. Null: another worker has claimed it, the client has no free place, or the policy is gone and the batch has
   * failed.
   */
  claim: action({ id: { type: "number" }, owner: { type: "string" } }).answers<Claim | null>(),
  /** Claims small batches together; those of one client take one of its places. Answers the ones that were claimed. */
  claimGroup: action({
    ids: typed<number[]>({ type: "array", items: "number" }),
    owner: { type: "string" },
  }).answers<Claim[]>(),
  /** The batch after the commit; null when the fence was raised: nothing was written, stop. `end` without events: they are added here. */
  commitChunk: action({
    batch: typed<BatchRow>({ type: "object" }),
    commit: typed<WorkerCommit>({ type: "object" }),
  }).answers<BatchRow | null>(),
  /** The same of several batches in one unit, each for itself: one that fails changes nothing for the others. Throws unavailable. */
  commitChunks: action({
    commits: typed<{ batch: BatchRow; commit: WorkerCommit }[]>({ type: "array" }),
  }).answers<({ batch: BatchRow | null } | { error: unknown })[]>(),
  /**
   * Before the first chunk of a run whose records go into a table of another database. `verdict`: the chunk at hand is there already, and
   * this became of it. Null: the batch is no longer the worker's. Throws TableFailure.
   */
  enterTable: action({ batch: typed<BatchRow>({ type: "object" }) }).answers<{ verdict: TableVerdict | null } | null>(),
  /** What table databases say of batches that are worked, for operators. */
  appliedRows: action({}).answers<AppliedIn[]>(),
  /** The round trip to each database of `TABLE_DATABASES`, in ms. Null: it cannot be used now. */
  pingTables: action({}).answers<Record<string, number | null>>(),
  /** Writes the outcome of a run. Answers the batch. Null: the fence has risen, and nothing was written. */
  settle: action({
    batch: typed<BatchRow>({ type: "object" }),
    outcome: typed<Settlement>({ type: "object" }),
  }).answers<BatchRow | null>(),
  /** Ends the delay of a batch that was handed back. Null: it has changed since. */
  endSnooze: action({ batch: typed<BatchRow>({ type: "object" }) }).answers<BatchRow | null>(),

  /** Writes a client's cap and weight for the choice of batches. */
  configureQueue: action({
    clientId: { type: "number" },
    cap: { type: "number" },
    weight: { type: "number" },
  }).answers<void>(),
  /** Counts over all batches. `now` is the database's clock. Throws unavailable. */
  stats: action({}).answers<Stats>(),
  /** The kind of the database, and which migrations it has and lacks, in their order. Throws unavailable. */
  migrations: action({}).answers<{ kind: "sqlite" | "postgres" | "mssql"; applied: string[]; pending: string[] }>(),
  /** How much of a client runs and waits now, counted up to 10,000. Throws unavailable. */
  queueOf: action({ clientId: { type: "number" } }).answers<QueueUse>(),
  /** A small write to the database, in ms. Throws unavailable. */
  ping: action({}).answers<number>(),
};

/** What waits in the database, by its clock `now`. */
export type Stats = Omit<QueueStats, "oldestEvent"> & {
  /** When the event was made that waits longest for RabbitMQ. */
  oldestEventAt: number | null;
};

/** A worker's chunk commit: the events of an end are `batch`'s to write. */
export type WorkerCommit = Omit<ChunkCommit, "id" | "fence" | "leaseMs" | "end"> & {
  end: { state: BatchState; error: { code: string; detail: string } | null } | null;
  /** The run's trace, for the events of the end. Omitted: nobody traces it. */
  trace?: TraceHeaders;
};

/**
 * On the broker's local bus, with `BatchNews`: this node has changed a batch. It is no event: one costs 10 µs, and
 * most batches are waited for by nobody. Other nodes hear of the events below.
 */
export const BATCH_WRITTEN = "batch.written";

/** News of one batch. */
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
