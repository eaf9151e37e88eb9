import type { AttemptRecord, DeliveryRow, TakenDelivery } from "../../database/deliveries.ts";
import { deliveryStates } from "../../database/deliveries.ts";
import type {
  BatchRow,
  BatchState,
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

export type { AttemptRecord, DeliveryRow, DeliveryState, TakenDelivery } from "../../database/deliveries.ts";
export { deliveryStates } from "../../database/deliveries.ts";
export type { BatchRow, BatchState, ChunkCommit, Claimed, StoredChunk } from "../../database/store.ts";

/** Where a batch ends. (An operator may drive a failed one again.) */
export const finalStates = [
  "completed",
  "completed_with_errors",
  "failed",
  "rejected",
  "cancelled",
] as const satisfies readonly BatchState[];

export const isFinal = (state: BatchState): boolean => (finalStates as readonly BatchState[]).includes(state);

/** How a claimed batch leaves its worker without a chunk commit. */
export type GiveUp =
  /** A planned stop, a slice, a snooze: no attempt. */
  | { outcome: "handBack"; delayMs: number }
  /** An attempt that failed: again after `delayMs`. */
  | { outcome: "retry"; delayMs: number }
  | { outcome: "fail"; code: string; detail: string }
  | { outcome: "cancel" };

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
  "batch.candidates": action({ limit: { type: "number" } }).answers<
    { id: number; publicId: string; clientId: number }[]
  >(),
  /** Null: another was faster, or the client is at its cap. */
  "batch.claim": action({ id: { type: "number" }, owner: { type: "string" } }).answers<Claimed | null>(),
  "batch.chunk": action({ id: { type: "number" }, no: { type: "number" } }).answers<StoredChunk | null>(),
  /** The batch after the commit; null when the fence was raised: nothing was written, stop. `end` without events: they are added here. */
  "batch.commitChunk": action({
    batch: typed<BatchRow>({ type: "object" }),
    commit: typed<WorkerCommit>({ type: "object" }),
  }).answers<BatchRow | null>(),
  /** Prolongs the leases of all batches of a worker; answers what it still holds. */
  "batch.extendLeases": action({ owner: { type: "string" } }).answers<{ id: number; fence: number }[]>(),
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

  /** For the sender of webhooks only. Takes what is due for `leaseMs`, at most one of each client and none of `busy` ones. */
  "batch.takeDeliveries": action({
    limit: { type: "number" },
    busy: typed<number[]>({ type: "array" }),
    leaseMs: { type: "number" },
    claim: { type: "string" },
  }).answers<TakenDelivery[]>(),
  /** Writes a sending down, and what becomes of its delivery if that is still of the same claim. */
  "batch.recordAttempt": action({ attempt: typed<AttemptRecord>({ type: "object" }) }).answers<void>(),
  /** Ends all deliveries of a client that wait; how many. */
  "batch.failDeliveries": action({ clientId: { type: "number" }, error: { type: "string" } }).answers<number>(),
  /** Newest first; `batch` and `publicId` are public ids. */
  "batch.listDeliveries": action({
    batch: { type: "string", optional: true },
    state: { type: "enum", values: deliveryStates, optional: true },
    before: { type: "number", optional: true },
    limit: { type: "number", integer: true, min: 1, max: 201 },
  }).answers<DeliveryRow[]>(),
  /** Sends it again, now. Throws not-found. */
  "batch.replayDelivery": action({ publicId }).answers<DeliveryRow>(),

  /** All batches of the database; `now` is its clock. Throws unavailable. */
  "batch.stats": action({}).answers<QueueStats & { now: number }>(),
  /** A round trip to the database, in ms. Throws unavailable. */
  "batch.ping": action({}).answers<number>(),
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
