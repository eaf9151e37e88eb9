/**
 * The seam of the hot tables: what the `batch` service asks of a database, one unit (transaction) a method.
 * A dialect implements it; nothing outside `database/` knows which one. Times are the database's clock, epoch ms.
 */
import type { Envelope, Format, RejectedRecord } from "../formats/formats.ts";

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
] as const;
export type BatchState = (typeof batchStates)[number];

/** Why a batch waits (held) or how it went wrong (failed, rejected). */
export type Reason = { hold: "approval" | "window"; until: number | null } | { code: string; detail: string };

/** `validate`: a pass that only checks, before anything is delivered (onInvalid: rejectBatch). */
export type Phase = "validate" | "deliver";

export interface BatchRow {
  id: number;
  publicId: string;
  clientId: number;
  policyVersion: number;
  state: BatchState;
  reason: Reason | null;
  format: Format;
  envelope: Envelope;
  /** SHA-256 of the decoded body, hex; null while receiving. */
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
  /** Attempts at the next chunk: 1 once the one before it was committed, for the run goes on with it; each claim adds one. */
  attempt: number;
  attemptsTotal: number;
  version: number;
  createdAt: number;
  readyAt: number | null;
  startedAt: number | null;
  finishedAt: number | null;
}

export interface StoredChunk {
  no: number;
  firstRecord: number;
  firstLine: number | null;
  records: number;
  codec: "zstd" | "none";
  oversized: number[];
  body: Uint8Array;
}

/** When a wait ends: so long from now by the database's clock, at a time, or never by itself. */
export type Due = { inMs: number } | { at: number } | null;

/** An event that becomes a row of the outbox in the same unit. `body` is the JSON document to publish. */
export interface OutboxDraft {
  topic: string;
  body: string;
  /** Also written down to be sent to the client's webhook, under this id. */
  delivery?: { publicId: string };
}

export interface OutboxRow extends OutboxDraft {
  id: number;
  attempts: number;
}

/** What a unit did: the batch after it, and the outbox rows that it wrote (to be published and then deleted). */
export interface Written {
  batch: BatchRow;
  outbox: OutboxRow[];
}

export interface NewBatch {
  publicId: string;
  clientId: number;
  policyVersion: number;
  format: Format;
  requestId: string | null;
}

/** How an upload ends: the one commit that makes it a batch. */
export interface UploadCommit {
  /** The receiving row, or null where the whole body fits in this commit. */
  id: number | null;
  batch: NewBatch;
  /** Chunks that were not stored yet. */
  chunks: StoredChunk[];
  totals: { bytes: number; records: number; chunks: number; contentHash: string; envelope: Envelope };
  phase: Phase;
  state: "received" | "ready" | "held" | "rejected";
  due: Due;
  reason: Reason | null;
  /** Inserted for the client when it has no queue row yet. */
  queue: { cap: number; weight: number };
  events: OutboxDraft[];
}

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
  /** Accepted records' JSON, joined by "\n", to be stored: `record.seq` runs over all places of the chunk that `errors` does not name. Empty: none is stored. */
  text: string;
  errors: RejectedRecord[];
  /** Added to the batch's counts. */
  counts: { accepted: number; rejected: number; duplicate: number };
  /** Where the batch stands afterwards. */
  next: { phase: Phase; chunk: number };
  /** The batch ends with this commit: running−1, finished_at, and its events. `purge` deletes its chunks in the same unit. */
  end: { state: BatchState; reason: Reason | null; due: Due; purge: boolean; events: OutboxDraft[] } | null;
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
  /** Start over: next_chunk 0, counts 0, this phase, and the record errors deleted. */
  restart?: Phase;
  events: OutboxDraft[];
}

export interface ListQuery {
  clientId?: number;
  state?: BatchState;
  /** Only ids below it (newest first). */
  before?: number;
  limit: number;
}

export interface RecordErrors {
  seq: number;
  line: number | null;
  raw: string;
  errors: { field: string; code: string; message: string }[];
}

export interface QueueStats {
  /** Rows by state. */
  states: Partial<Record<BatchState, number>>;
  /** ready_at of the oldest claimable batch. */
  oldestReadyAt: number | null;
  outboxDepth: number;
  /** due_at of the delivery that is due for longest. */
  oldestDeliveryAt: number | null;
  running: { owner: string; batches: number }[];
}

export interface BatchStore {
  /** The row of an upload whose body outgrew one chunk. Its writes carry fence 0. */
  beginUpload(batch: NewBatch, leaseMs: number): Promise<number>;
  /** Stores chunks and moves the lease. False: the upload is no longer ours (swept). */
  appendChunks(id: number, chunks: StoredChunk[], leaseMs: number): Promise<boolean>;
  /** Moves the leases of uploads that are still `receiving` with fence 0. */
  touchUploads(ids: number[], leaseMs: number): Promise<void>;
  /** Null: the upload was swept meanwhile. */
  commitUpload(commit: UploadCommit): Promise<Written | null>;
  /** Takes an upload away from its node: fence+1, so that no late write joins it. `onlyDue`: only if its lease has passed. */
  voidUpload(id: number, onlyDue: boolean): Promise<boolean>;

  /** Per client with a free slot its oldest claimable batch, in the order of `pass`. */
  candidates(limit: number): Promise<{ id: number; publicId: string; clientId: number }[]>;
  /** ready → processing: fence+1, attempt+1, lease, running+1 and pass, if it is still due and the client below its cap. */
  claim(id: number, owner: string, leaseMs: number): Promise<Claimed | null>;
  readChunk(id: number, no: number): Promise<StoredChunk | null>;
  /** Null: fence, state or chunk was another; nothing was written. */
  commitChunk(commit: ChunkCommit): Promise<Written | null>;
  /** One statement for all batches of an owner; returns what it still holds. */
  extendLeases(owner: string, leaseMs: number): Promise<{ id: number; fence: number }[]>;
  /** Whether a client with a smaller running/weight than `clientId` has a claimable batch. */
  isOvertaken(clientId: number): Promise<boolean>;
  /** Raises the fence when it leaves `processing`, and frees the client's slot. Null: a condition did not hold. */
  move(move: Move): Promise<Written | null>;

  /** Batches in `state` whose `due_at` has passed, oldest first. */
  due(state: BatchState, limit: number): Promise<BatchRow[]>;
  /** Embedded start: every lease (processing, receiving) of the file is over now. */
  voidLeases(): Promise<void>;
  /** Deletes up to `limit` chunks of a batch; at the last one sets `chunks` to 0 and `due_at` as given. True: none is left. */
  purgeChunks(id: number, limit: number, due: Due): Promise<boolean>;
  /** Deletes up to `limit` rows of a batch (chunks, errors, records), at last the batch itself. True: it is gone. */
  deleteBatch(id: number, limit: number): Promise<boolean>;

  batch(publicId: string, clientId: number | null): Promise<BatchRow | null>;
  list(query: ListQuery): Promise<BatchRow[]>;
  /** Rejected records with seq > `after`, in order; at most `limit`, ending early after about `maxBytes`. */
  errors(id: number, after: number, limit: number, maxBytes: number): Promise<RecordErrors[]>;
  /** Stored records with seq > `after`, in order; at most `limit`, ending early after about `maxBytes`. */
  records(id: number, after: number, limit: number, maxBytes: number): Promise<{ seq: number; data: string }[]>;
  stats(): Promise<QueueStats>;

  /** Writes a client's cap and weight (inserted with running 0 when new). */
  setQueue(clientId: number, cap: number, weight: number): Promise<void>;

  /** Takes outbox rows older than `olderThanMs` for `retryMs`: each to one caller only. */
  takeOutbox(limit: number, olderThanMs: number, retryMs: number): Promise<OutboxRow[]>;
  deleteOutbox(ids: number[]): Promise<void>;
}
