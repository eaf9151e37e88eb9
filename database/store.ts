/**
 * The seam of the hot tables: what the `batch` service asks of a database, one unit (transaction) a method.
 * A dialect implements it; nothing outside `database/` knows which one. Times are the database's clock, epoch ms.
 */
import { rowsOf } from "../formats/check/fault-bounds.ts";
import type { RejectedRecord } from "../formats/formats.ts";
import type { BatchRow, Due, OutboxDraft, OutboxRow, Written } from "./batch.ts";
import type { BatchState, Phase, Reason } from "./states.ts";
import type { StoredChunk, UploadStore } from "./uploads.ts";

export type * from "./batch.ts";
export * from "./states.ts";
export type * from "./uploads.ts";

/** A batch that may be claimed, with the fence that the claim will raise, and what tells how large it is. */
export interface Candidate extends Pick<BatchRow, "policyVersion" | "phase" | "chunks" | "records" | "bytes"> {
  id: number;
  publicId: string;
  clientId: number;
  fence: number;
  /** How many places its client has free. */
  room: number;
}

/** So many records of small batches count for their client as much as one batch that is claimed alone. */
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
  /** Accepted records' JSON, joined by LF, as UTF-8, to be stored: `record.seq` runs over all places of the chunk that neither `errors`, `unlisted` nor `unique.duplicates` name. Empty: none is stored. */
  text: Uint8Array;
  /** Rejected records for the report. */
  errors: RejectedRecord[];
  /** Places, rising, of further rejected records, which are only counted. */
  unlisted: number[];
  unique?: UniqueKeys | undefined;
  /** Added to the batch's counts. A record of `text` whose key is taken moves from `accepted` to `duplicate` by itself. */
  counts: { accepted: number; rejected: number; duplicate: number };
  /** Where the batch stands afterwards. */
  next: { phase: Phase; chunk: number };
  /** The batch ends with this commit: running−1, finished_at, and its events. `purge` deletes its chunks in the same unit. */
  end: { state: BatchState; reason: Reason | null; due: Due; purge: boolean; events: OutboxDraft[] } | null;
}

/** The rows that a commit adds to its batch's error report. */
export const storedFaults = ({ errors }: Pick<ChunkCommit, "errors">): number =>
  errors.reduce((sum, rejected) => sum + rowsOf(rejected.errors), 0);

/** What a chunk's commit does with its records' unique keys. Keys are bytes in hex. */
export interface UniqueKeys {
  /** Places, rising, of records known as duplicates before: of one in the same chunk, or of one whose key was not to be reserved. */
  duplicates: number[];
  /** A key for each record of `text`, joined by "\n"; an empty one: the record is like no other. Written if absent. */
  keys: string;
  /** Where keys were reserved: those of records that were refused after all. They are free again, the others stay for good. */
  freed: string[] | null;
  /** How long the keys of delivered records last; null or omitted: for ever. */
  keepMs?: number | null;
}

/** Why a worker's attempt at a batch came to nothing, and where. */
export interface FailedAttempt {
  node: string;
  code: string;
  detail: string;
}

export interface BatchAttempt extends FailedAttempt {
  batchId: number;
  /** Which of all attempts at the batch. */
  no: number;
  at: number;
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
  /** Start over: next_chunk 0, counts 0, this phase, and no record errors: those of before are stale. */
  restart?: Phase;
  /** The attempt that ends with the move; it is kept. */
  failed?: FailedAttempt;
  events: OutboxDraft[];
}

export interface ListQuery {
  clientId?: number;
  state?: BatchState;
  /** Only ids below it (newest first). */
  before?: number;
  limit: number;
}

/** What somebody knows of a batch. */
export interface SeenBatch {
  publicId: string;
  version: number;
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
  /** Since when the batch waits that waits for longest among those which could be claimed now. */
  oldestReadyAt: number | null;
  /** Batches that are ready, but whose client is at its cap (counted up to 10,000), and since when the oldest one waits. */
  waitsForItsClient: { batches: number; oldestAt: number | null };
  /** Counted up to 100,000. */
  outboxDepth: number;
  /** The document that waits longest in the outbox. */
  oldestEvent: string | null;
  /** due_at of the delivery that is due for longest. */
  oldestDeliveryAt: number | null;
  running: { owner: string; batches: number }[];
}

/**
 * How one piece of a removal ended. `done`: there is nothing to delete any more, or not yet. `busy`: another node deletes of
 * this batch right now.
 */
export type Removal = "done" | "more" | "busy";

/** Errors of a batch from before it was begun anew. */
export interface StaleErrors {
  batchId: number;
  pass: number;
}

export interface BatchStore extends UploadStore {
  /** Whether commits of one batch that are sent one behind the other are made in that order. */
  readonly keepsOrder: boolean;
  /**
   * Claimable batches, in the order that `pass` gives them turns: of each client its oldest, no more than it has free slots or
   * `together` (of which some may share a slot), whichever is more. At most `limit + together`.
   */
  candidates(limit: number, together?: number): Promise<Candidate[]>;
  /** ready → processing: fence+1, attempt+1, lease, running+1 and pass, if it is still due and the client below its cap. */
  claim(id: number, owner: string, leaseMs: number): Promise<Claimed | null>;
  /**
   * The same for several in one unit. Those of one client take one of its places (where it has none free, none is claimed), and
   * count by their records. Answers the ones that were claimed.
   */
  claimGroup(ids: number[], owner: string, leaseMs: number): Promise<Claimed[]>;
  readChunk(id: number, no: number): Promise<StoredChunk | null>;
  /** Null: fence, state or chunk was another; nothing was written. */
  commitChunk(commit: ChunkCommit): Promise<Written | null>;
  /** A chunk of each of several batches in one unit. What fails or may not be written is left out, and changes nothing for the others. */
  commitChunks(commits: ChunkCommit[]): Promise<PromiseSettledResult<Written | null>[]>;
  /**
   * Takes keys for the batch's next chunk, before its records leave: those that it took before are its own. Answers the ones
   * that belong to other records; null: fence, state or chunk was another. A batch that ends otherwise than by its commits
   * frees what it had reserved.
   */
  reserveKeys(id: number, fence: number, chunk: number, keys: string[]): Promise<string[] | null>;
  /** One statement for those of these batches that the owner still holds, which it returns. What it never knew that it claimed lapses. */
  extendLeases(owner: string, ids: number[], leaseMs: number): Promise<{ id: number; fence: number }[]>;
  /** Whether a client with a smaller running/weight than `clientId` has a claimable batch. */
  isOvertaken(clientId: number): Promise<boolean>;
  /** Raises the fence when it leaves `processing`, and frees the client's slot. Null: a condition did not hold. */
  move(move: Move): Promise<Written | null>;

  /** Batches in `state` whose `due_at` has passed, oldest first; uploads that were taken away are none of them. */
  due(state: BatchState, limit: number): Promise<BatchRow[]>;
  /** Uploads that were taken away, whose rows are still there. */
  voided(limit: number): Promise<BatchRow[]>;
  /** Embedded start: every lease (processing, receiving) of the file is over now. */
  voidLeases(): Promise<void>;
  /**
   * Deletes up to `limit` chunks of a batch that has ended (or of an upload that was taken away) and is due; at the last one
   * sets `chunks` to 0 and `due_at` as given.
   */
  purgeChunks(id: number, limit: number, due: Due): Promise<Removal>;
  /**
   * Deletes up to `limit` rows of a batch that has ended (or of an upload that was taken away) and is due: chunks, errors,
   * records, at last the batch itself and the claim to its content.
   */
  deleteBatch(id: number, limit: number): Promise<Removal>;
  /** Those that are to be deleted, oldest first. */
  staleErrors(limit: number): Promise<StaleErrors[]>;
  /** Deletes up to `limit` rows of them. */
  deleteStaleErrors(stale: StaleErrors, limit: number): Promise<Removal>;

  batch(publicId: string, clientId: number | null): Promise<BatchRow | null>;
  /** The batch of the rejected records of this one. */
  childOf(id: number): Promise<BatchRow | null>;
  list(query: ListQuery): Promise<BatchRow[]>;
  /** Of these batches the ones whose version is another by now, in any order: one query, however many are asked for. */
  changed(seen: SeenBatch[]): Promise<BatchRow[]>;
  /**
   * Rejected records with seq > `after`, in order, each with all its errors: at most `limit`, and the one whose texts cross
   * `maxBytes` is the last.
   */
  errors(id: number, after: number, limit: number, maxBytes: number): Promise<RecordErrors[]>;
  /** Stored records with seq > `after`, in order: at most `limit`, and the one that crosses `maxBytes` is the last. */
  records(id: number, after: number, limit: number, maxBytes: number): Promise<{ seq: number; data: string }[]>;
  /** Of each of these batches its last failed attempts, the newest first. */
  attempts(ids: number[], last: number): Promise<BatchAttempt[]>;
  stats(): Promise<QueueStats>;
  /** Makes few rows of the many that count batches by state. Called now and then: without it `stats` grows slower. */
  foldCounts(): Promise<void>;

  /**
   * For `policy`, whose table it is: deletes up to `limit` versions of policies that are not the current one and that no batch
   * pins. True: there are no more.
   */
  forgetVersions(limit: number): Promise<boolean>;

  /** Writes a client's cap and weight (inserted with running 0 when new). */
  setQueue(clientId: number, cap: number, weight: number): Promise<void>;
  /**
   * Has the next `limit` clients above the id `after` that have ready batches be found by `candidates` (each unit sees to that
   * itself; this is for rows that somebody else has written). Returns the last client's id; null: there are no more.
   */
  repairQueues(after: number, limit: number): Promise<number | null>;

  /** Takes outbox rows older than `olderThanMs` for `retryMs`: each to one caller only. */
  takeOutbox(limit: number, olderThanMs: number, retryMs: number): Promise<OutboxRow[]>;
  deleteOutbox(ids: number[]): Promise<void>;
}
