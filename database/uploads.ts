/** The part of the seam by which a body becomes a batch: its upload, and what keeps one that comes again from being taken twice. */
import type { Envelope, Format } from "../formats/formats.ts";
import type { BatchRow, Due, OutboxDraft, Written } from "./batch.ts";
import type { Phase, Reason } from "./states.ts";

export interface NewBatch {
  publicId: string;
  clientId: number;
  policyVersion: number;
  format: Format;
  requestId: string | null;
}

/** A piece of a body as it is kept, some records long. */
export interface StoredChunk {
  no: number;
  firstRecord: number;
  firstLine: number | null;
  records: number;
  codec: "zstd" | "none";
  oversized: number[];
  body: Uint8Array;
}

/** How an upload ends: the one commit that makes it a batch. */
export interface UploadCommit {
  /** The batch whose rejected records these are; it has one such child at most (else a ConstraintViolation). */
  parent?: { id: number; publicId: string };
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
  /** The client's name for this upload, kept so long. Null: it gave none. */
  key: (UploadKey & { fingerprint: string }) | null;
  /** Content that a batch of this client has already is refused, for so long. Null: it is allowed. */
  dedup: { keepMs: number } | null;
  /** What the client may send in a day, this upload included. Null: nothing is counted. */
  quota: DayQuota | null;
}

/** An Idempotency-Key, which is the client's own, and how long it is kept once its upload is done. */
export interface UploadKey {
  key: string;
  keepMs: number;
}

/** What the first upload with a key was told: a new batch (202) or an earlier one of the same content (200), as it was then. */
export interface UploadAnswer {
  status: 202 | 200;
  batch: BatchRow;
}

/** Who has a key: an upload that still runs, or one that was answered. `fingerprint`: SHA-256 of what it sent, hex. */
export type KeyHolder = { state: "running" } | { state: "done"; fingerprint: string; answer: UploadAnswer };

/** The most of one UTC day; null: no limit. */
export interface DayQuota {
  bytes: number | null;
  records: number | null;
}

/** What a client has sent this UTC day, by the database's clock, and how long the day still lasts. */
export interface DayUsage {
  bytes: number;
  records: number;
  msLeft: number;
}

/** How an upload's commit ended. Only `stored` wrote anything. */
export type UploadOutcome =
  | ({ outcome: "stored" } & Written)
  /** Its row was taken away meanwhile. */
  | { outcome: "swept" }
  /** Another upload has its key. */
  | { outcome: "repeated"; holder: KeyHolder }
  /** A batch that neither failed nor was refused has its content. */
  | { outcome: "duplicate"; batch: BatchRow }
  | { outcome: "overQuota"; usage: DayUsage };

export interface UploadStore {
  /** A body of fewer bytes is dearer to compress than to store as it is. */
  readonly leastCompressed: number;
  /** The row of an upload whose body outgrew one chunk. Its writes carry fence 0. */
  beginUpload(batch: NewBatch, leaseMs: number): Promise<number>;
  /** The same for an upload with a key, which is the upload's from here on; or who has it: then nothing was written. */
  beginKeyedUpload(batch: NewBatch, leaseMs: number, key: string): Promise<{ id: number } | { holder: KeyHolder }>;
  /** Stores chunks and moves the lease. False: the upload is no longer ours (swept). */
  appendChunks(id: number, chunks: StoredChunk[], leaseMs: number): Promise<boolean>;
  /** Moves the leases of uploads that are still `receiving` with fence 0. */
  touchUploads(ids: number[], leaseMs: number): Promise<void>;
  /** All of it, or nothing: key, content and quota are decided in the same unit, also against other nodes. */
  commitUpload(commit: UploadCommit): Promise<UploadOutcome>;
  /** Takes an upload away from its node: fence+1, so that no late write joins it, and its key is free. `onlyDue`: only if its lease has passed. */
  voidUpload(id: number, onlyDue: boolean): Promise<boolean>;
  /** Null: the key is free. */
  keyHolder(clientId: number, key: string): Promise<KeyHolder | null>;
  /** Keeps an answer that made no batch. `id`: the receiving row that has the key by now. Answers who had it before: then nothing was written. */
  answerKey(
    clientId: number,
    key: UploadKey & { fingerprint: string },
    id: number | null,
    answer: UploadAnswer,
  ): Promise<KeyHolder | null>;
  usage(clientId: number): Promise<DayUsage>;
  /** Deletes up to `limit` rows each of keys whose time is over and of usage before yesterday. True: none is left. */
  forgetRepeats(limit: number): Promise<boolean>;
}
