/** What uploads ask of the database, and the order in which batches are worked. See store.ts. */
import type { AuditDraft } from "../services/audit/audit.domain.ts";
import type { Lane, StalledLane, StoredChunk } from "../services/batch/batch.domain.ts";
import type { ToldMove } from "../services/batch/batch.history.domain.ts";
import type { Removed } from "../services/batch/batch.reads.domain.ts";
import type { Written } from "../services/batch/batch.writes.domain.ts";
import type {
  DayUsage,
  KeyHolder,
  NewBatch,
  UploadAnswer,
  UploadCommit,
  UploadKey,
  UploadOutcome,
} from "../services/imports/imports.domain.ts";

/** Uploads: how a body becomes a batch. */
export interface UploadStore {
  /** Bodies with fewer bytes are stored uncompressed: compressing them would cost more than it saves. */
  readonly leastCompressed: number;
  /** Inserts the row of an upload whose body has more than one chunk. While it is uploaded, its fence is 0. Answers its id. */
  beginUpload(batch: NewBatch, leaseMs: number): Promise<number>;
  /**
   * Inserts an upload's row and takes its idempotency key. If another upload has the key: answers its holder, writes
   * nothing.
   */
  beginKeyedUpload(batch: NewBatch, leaseMs: number, key: string): Promise<{ id: number } | { holder: KeyHolder }>;
  /** Stores chunks and renews the lease. False: a sweep has taken the upload away. */
  appendChunks(id: number, chunks: StoredChunk[], leaseMs: number): Promise<boolean>;
  /** Renews the leases of those uploads that are still `receiving` with fence 0. */
  touchUploads(ids: number[], leaseMs: number): Promise<void>;
  /**
   * Commits a whole upload or nothing. The same unit checks key, content and quota, so no other node's write comes
   * between.
   */
  commitUpload(commit: UploadCommit): Promise<UploadOutcome>;
  /**
   * Takes an upload away from its node: fence+1 refuses late writes, and its key becomes free. `onlyDue`: only if its lease
   * has expired.
   */
  voidUpload(id: number, onlyDue: boolean): Promise<boolean>;
  /** Who holds an Idempotency-Key. Null: the key is free. */
  keyHolder(clientId: number, key: string): Promise<KeyHolder | null>;
  /**
   * Stores the answer of an upload that made no batch. `id`: the receiving row that holds the key; null: none does. If another
   * upload has the key: answers its holder, writes nothing.
   */
  answerKey(
    clientId: number,
    key: UploadKey & { fingerprint: string },
    id: number | null,
    answer: UploadAnswer,
  ): Promise<KeyHolder | null>;
  usage(clientId: number): Promise<DayUsage>;
  /** Deletes expired keys and the usage before yesterday: up to `limit` rows of each table. True: none is left. */
  forgetExpiredKeys(limit: number, removed?: Removed): Promise<boolean>;
}

/** Lanes: batches of a client that are processed one after another. A failed batch keeps its place in its lane. */
export interface OrderStore {
  /** How many places the lane has given, and the first batch in it (its public id). */
  laneState(lane: Lane): Promise<Lane & { places: number; front: string | null }>;
  /** For each of these batches that has a place: its lane, and the lane's first batch, which may be the same batch. */
  fronts(ids: number[]): Promise<{ id: number; lane: string; front: string }[]>;
  /** Frees the place of a batch that has ended. */
  leaveLane(id: number): Promise<void>;
  /**
   * Removes a batch from its lane, or (`last`) moves it to the lane's end. Null: the batch has another version by now.
   */
  skipBatch(skip: {
    id: number;
    version: number;
    last: Lane | null;
    audit?: AuditDraft;
    told?: ToldMove;
  }): Promise<Written | null>;
  stalledLanes(limit: number): Promise<StalledLane[]>;
}
