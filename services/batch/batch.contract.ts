import type {
  BatchRow,
  BatchState,
  Candidate,
  ChunkCommit,
  Claimed,
  OutboxRow,
  QueueStats,
  RecordErrors,
  StoredChunk,
} from "../../database/store.ts";
import { batchStates } from "../../database/store.ts";
import { action, event, typed } from "../declare.ts";
import type { CloudEvent } from "../outbox/outbox.contract.ts";

export type { BatchRow, BatchState, Candidate, ChunkCommit, Claimed, StoredChunk } from "../../database/store.ts";
export { finalStates, isFinal } from "../../database/store.ts";

/** How a claimed batch leaves its worker without a chunk commit. */
export type GiveUp =
  /** A planned stop, a slice, a snooze: no attempt. */
  | { outcome: "handBack"; delayMs: number }
  /** An attempt that failed: again after `delayMs`. */
  | { outcome: "retry"; delayMs: number }
  | { outcome: "fail"; code: string; detail: string }
  | { outcome: "cancel" };

/** Local news: this node has looked after the batches that wait; some may be ready now. */
export const SWEPT = "$batch.swept";

const publicId = { type: "string" } as const;
/** Omitted: an operator asks, for any client. */
const clientId = { type: "number", optional: true } as const;
const state = { type: "enum", values: batchStates, optional: true } as const;

export const batchActions = {
  /**
   * Takes a body as `ctx.stream` (wire bytes), and answers the batch once it is committed.
   * Throws malformed-body, empty-body, payload-too-large, too-many-records, validation, unsupported-media-type, too-many-uploads, upload-timeout, unavailable.
   */
  "batch.create": action({
    clientId: { type: "number" },
    clientPublicId: publicId,
    format: { type: "enum", values: ["ndjson", "csv", "json"] },
    charset: { type: "enum", values: ["utf-8", "windows-1252"], optional: true },
    delimiter: { type: "string", optional: true },
    encoding: { type: "enum", values: ["identity", "gzip"] },
    requestId: { type: "string", nullable: true },
  }).answers<BatchRow>(),

  /** Throws not-found, also for an upload that is not committed. */
  "batch.get": action({ publicId, clientId }).answers<BatchRow>(),
  "batch.list": action({
    clientId,
    state,
    before: { type: "number", optional: true },
    limit: { type: "number", integer: true, min: 1, max: 201 },
  }).answers<BatchRow[]>(),
  /** Rejected records after `after` (a record's number), in order. */
  "batch.errors": action({
    id: { type: "number" },
    after: { type: "number" },
    limit: { type: "number" },
  }).answers<RecordErrors[]>(),
  /** Stored records after `after`, in order. */
  "batch.records": action({
    id: { type: "number" },
    after: { type: "number" },
    limit: { type: "number" },
  }).answers<{ seq: number; data: string }[]>(),

  /** Each throws not-found, illegal-state. */
  "batch.cancel": action({ publicId, clientId }).answers<BatchRow>(),
  "batch.approve": action({ publicId }).answers<BatchRow>(),
  "batch.reject": action({ publicId, reason: { type: "string", optional: true } }).answers<BatchRow>(),
  "batch.redrive": action({ publicId }).answers<BatchRow>(),

  /** What a worker may try to claim now, in the order of fairness. */
  "batch.candidates": action({ limit: { type: "number" } }).answers<Candidate[]>(),
  /** Null: another was faster, or the client is at its cap. */
  "batch.claim": action({ id: { type: "number" }, owner: { type: "string" } }).answers<Claimed | null>(),
  "batch.chunk": action({ id: { type: "number" }, no: { type: "number" } }).answers<StoredChunk | null>(),
  /** The batch after the commit; null when the fence was raised: nothing was written, stop. `end` without events: they are added here. */
  "batch.commitChunk": action({
    batch: typed<BatchRow>({ type: "object" }),
    commit: typed<WorkerCommit>({ type: "object" }),
  }).answers<BatchRow | null>(),
  /** Prolongs the leases of the batches that a worker works at; answers which of them it still holds. */
  "batch.extendLeases": action({
    owner: { type: "string" },
    ids: typed<number[]>({ type: "array", items: "number" }),
  }).answers<{ id: number; fence: number }[]>(),
  /** Whether another client should have this slot. */
  "batch.isOvertaken": action({ clientId: { type: "number" } }).answers<boolean>(),
  /** Null: the fence was raised before. */
  "batch.giveUp": action({
    batch: typed<BatchRow>({ type: "object" }),
    how: typed<GiveUp>({ type: "object" }),
  }).answers<BatchRow | null>(),

  /** Writes a client's cap and weight for the choice of batches. */
  "batch.configureQueue": action({
    clientId: { type: "number" },
    cap: { type: "number" },
    weight: { type: "number" },
  }).answers<void>(),
  /** For the outbox relay only: `batch` writes all its tables itself. */
  "batch.takeOutbox": action({ limit: { type: "number" } }).answers<OutboxRow[]>(),
  "batch.deleteOutbox": action({ ids: typed<number[]>({ type: "array" }) }).answers<void>(),

  /** All batches of the database; `now` is its clock. Throws unavailable. */
  "batch.stats": action({}).answers<Stats>(),
  /** A round trip to the database, in ms. Throws unavailable. */
  "batch.ping": action({}).answers<number>(),
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

export const batchEvents = {
  "batch.created": event<CloudEvent>(),
  "batch.ready": event<CloudEvent>(),
  "batch.completed": event<CloudEvent>(),
};
