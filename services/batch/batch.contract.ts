import { batchStates, finalStates } from "../../database/states.ts";
import type {
  BatchAttempt,
  BatchRow,
  BatchState,
  ChunkCommit,
  Claimed,
  QueueStats,
  RecordErrors,
  SeenBatch,
} from "../../database/store.ts";
import { choice, count, described, id, type JsonSchema, orNull, record, text } from "../../lib/json-schema.ts";
import { action, event, typed } from "../declare.ts";
import type { CloudEvent } from "../outbox/outbox.contract.ts";
import type { Policy } from "../policy/policy.contract.ts";

export { batchStates, finalStates, isFinal } from "../../database/states.ts";
export type { BatchAttempt, BatchRow, BatchState } from "../../database/store.ts";

/** Why an attempt failed: a code as a failed batch has it, or `internal` for a defect. */
export interface AttemptError {
  code: string;
  detail: string;
}

/**
 * The outcomes of a run: one closed set, from a handler's answer to what `batch.settle` writes.
 * A handler's throw is `retry`.
 */
export type Outcome =
  /** The last commit has ended the batch. Nothing is left to write. */
  | { outcome: "done" }
  /**
   * The batch goes on after `delayMs`, without an attempt: the node stops, another client waits, the handler asks for time, or
   * the handler is away (`awaits` is its name).
   */
  | { outcome: "snooze"; delayMs: number; detail?: string; awaits?: string }
  /** An attempt that failed. Another one follows after `delayMs`, or the policy's backoff; after `maxAttempts` the batch fails. */
  | ({ outcome: "retry"; delayMs?: number } & AttemptError)
  | { outcome: "cancel" }
  | ({ outcome: "fail" } & AttemptError)
  /** The batch belongs to another worker, or nobody can know: nothing is written. */
  | { outcome: "lost"; detail: string };

/** The outcomes that move the batch. */
export type Settlement = Exclude<Outcome, { outcome: "done" | "lost" }>;

/** A claimed batch, and what its run needs. The policy is the version that the batch was accepted under. */
export interface Claim extends Claimed {
  policy: Policy;
  clientPublicId: string;
}

/** Local event: this node's sweep has moved due batches on; workers should poll now. */
export const SWEPT = "$batch.swept";

const publicId = { type: "string" } as const;
/** Omitted: an operator asks, for any client. */
const clientId = { type: "number", optional: true } as const;
const state = { type: "enum", values: batchStates, optional: true } as const;

export const batchActions = {
  /** Throws not-found, also for an upload that is not committed. */
  get: action({ publicId, clientId }).answers<BatchRow>(),
  list: action({
    clientId,
    state,
    before: { type: "number", optional: true },
    limit: { type: "number", integer: true, min: 1, max: 201 },
  }).answers<BatchRow[]>(),
  /** Those of these batches whose version has changed, without their envelope. One query, however many batches. */
  changed: action({
    seen: typed<SeenBatch[]>({ type: "array" }),
  }).answers<BatchRow[]>(),
  /** Rejected records after `after` (a record's number), in order. */
  errors: action({
    id: { type: "number" },
    after: { type: "number" },
    limit: { type: "number" },
  }).answers<RecordErrors[]>(),
  /** Of each of these batches its last failed attempts, the newest first. They are for operators. */
  attempts: action({
    ids: typed<number[]>({ type: "array", items: "number" }),
    last: { type: "number", integer: true, min: 1 },
  }).answers<BatchAttempt[]>(),
  /** Stored records after `after`, in order. */
  records: action({
    id: { type: "number" },
    after: { type: "number" },
    limit: { type: "number" },
  }).answers<{ seq: number; data: string }[]>(),

  /** Each throws not-found, illegal-state. */
  cancel: action({ publicId, clientId }).answers<BatchRow>(),
  approve: action({ publicId }).answers<BatchRow>(),
  reject: action({ publicId, reason: { type: "string", optional: true } }).answers<BatchRow>(),
  redrive: action({ publicId }).answers<BatchRow>(),

  /** failed → ready with attempts at 0, for the client itself. Throws not-found, illegal-state. */
  retry: action({ publicId, clientId: { type: "number" } }).answers<BatchRow>(),
  /** Null: another worker has claimed it, or the client has no free place. */
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
  /** All batches of the database; `now` is its clock. Throws unavailable. */
  stats: action({}).answers<Stats>(),
  /** A small write to the database, in ms. Throws unavailable. */
  ping: action({}).answers<number>(),
};

/** What waits in the database, by its clock `now`. */
export type Stats = Omit<QueueStats, "oldestEvent"> & {
  now: number;
  /** When the event was made that waits longest for RabbitMQ. */
  oldestEventAt: number | null;
};

/** A worker's chunk commit: the events of an end are `batch`'s to write. */
export type WorkerCommit = Omit<ChunkCommit, "id" | "fence" | "leaseMs" | "end"> & {
  end: { state: BatchState; error: { code: string; detail: string } | null } | null;
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
};

export const countsSchema = record({ received: count, accepted: count, rejected: count, duplicate: count });
export const errorSchema = orNull(record({ code: text(), detail: text() }));

const told = (status: JsonSchema, more: JsonSchema = {}) =>
  record({ batchId: id, clientId: id, status, version: described("It only grows.", count), ...(more as object) });

/** The `data` of a batch's events. */
export const batchEventSchemas = {
  "batch.created": told(choice(["received", "ready", "held"])),
  "batch.ready": told({ const: "ready" }),
  "batch.completed": told(described("How it ended.", choice(finalStates)), {
    counts: countsSchema,
    error: errorSchema,
  }),
} as const;
