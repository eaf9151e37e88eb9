/**
 * The interfaces between services and the database. Each method is one unit (a transaction) and speaks the services' own
 * types. A dialect implements them; nothing outside `database/` knows which one. Times are epoch ms by the database's clock.
 */
import type { AuditQuery, AuditRow } from "../services/audit/audit.domain.ts";
import type { BatchRow, BatchState, Candidate, Claimed, StoredChunk } from "../services/batch/batch.domain.ts";
import type {
  ClientNeed,
  ClientUse,
  QueueStats,
  QueueUse,
  Removal,
  Removed,
  StaleErrors,
} from "../services/batch/batch.reads.domain.ts";
import type { ChunkCommit, Due, Move, Written } from "../services/batch/batch.writes.domain.ts";
import type { OutboxRow } from "../services/outbox/outbox.domain.ts";
import type { DocumentName, VersionQuery, VersionRow, VersionSpan } from "../services/policy/policy.domain.ts";
import type { FiguresAt, FiguresWanted, KeptMinute } from "../services/stats/stats.domain.ts";
import type { AlertStore } from "./store.alerts.ts";
import type { ErasureStore } from "./store.erasure.ts";
import type { BatchReadStore } from "./store.reads.ts";
import type { OrderStore, UploadStore } from "./store.uploads.ts";

/** The audit. Each row is written in the same transaction as the change that it describes. */
export interface AuditStore {
  listAudit(query: AuditQuery): Promise<AuditRow[]>;
  /** Deletes up to `limit` rows older than `ageMs`. True: none is left. */
  forgetAudit(ageMs: number, limit: number, removed?: Removed): Promise<boolean>;
}

/** The versions of policies and datasets, for operators. Each is written in the same transaction as its change. */
export interface DocumentStore {
  /** Newest first, without the documents. */
  documentVersions(query: VersionQuery): Promise<VersionRow[]>;
  /** The oldest and the newest stored version of a document. Null: no version is stored. */
  keptVersions(of: DocumentName): Promise<VersionSpan | null>;
}

/** When the keys of clients were last used. */
export interface KeyUseStore {
  /** Stores when a key was used (epoch ms). Writes nothing if a later time is stored, or the client is being erased. */
  noteKeyUse(clientId: number, keyId: string, at: number): Promise<void>;
  forgetKeyUse(clientId: number, keyId: string): Promise<void>;
  /** When the client's keys were last used. Keys that were never used are not in the answer. */
  keyUses(clientId: number): Promise<{ keyId: string; usedAt: number }[]>;
}

/** The history of figures. */
export interface FigureHistoryStore {
  /** Writes a process's counts of one minute. Replaces what the process wrote for the same minute before. */
  keepFigures(row: KeptMinute): Promise<void>;
  /** The sums of each time step that has counts, in order. Steps shorter than an hour use only the table of minutes. */
  figureHistory(wanted: FiguresWanted): Promise<FiguresAt[]>;
  /** Moves minutes older than `ageMs` into sums by hour, at most `limit` rows. True: no older minute is left. */
  rollFigures(ageMs: number, limit: number): Promise<boolean>;
  /** Deletes up to `limit` hours older than `ageMs`. True: no older hour is left. */
  forgetFigures(ageMs: number, limit: number, removed?: Removed): Promise<boolean>;
}

/** Batches, their records, and the outbox. */
export interface BatchStore
  extends BatchReadStore,
    UploadStore,
    OrderStore,
    ErasureStore,
    AuditStore,
    DocumentStore,
    KeyUseStore,
    AlertStore,
    FigureHistoryStore {
  /** Whether concurrent commits run in the order in which they were sent. */
  readonly keepsOrder: boolean;
  /**
   * Batches that may be claimed, in the order of their clients' turns (`pass`). From each client come its oldest batches: as
   * many as it has free places, or `groupSize` if that is more (a group shares one place). At most `limit + groupSize` in all.
   */
  candidates(limit: number, groupSize?: number): Promise<Candidate[]>;
  /**
   * ready → processing: raises fence and attempt, sets the lease, and counts the client's place and turn. Null: the batch is not
   * due, another worker has it, or the client is at its cap.
   */
  claim(id: number, owner: string, leaseMs: number): Promise<Claimed | null>;
  /**
   * Claims several batches in one unit, and answers those that it has claimed. The batches of one client take one of its places;
   * if it has none free, none of them is claimed. They count for its turn by their records.
   */
  claimGroup(ids: number[], owner: string, leaseMs: number): Promise<Claimed[]>;
  readChunk(id: number, no: number): Promise<StoredChunk | null>;
  /** Null: fence, state or chunk did not match, and nothing was written. */
  commitChunk(commit: ChunkCommit): Promise<Written | null>;
  /** Commits a chunk of each of several batches in one unit. A commit that fails or does not match changes nothing for the others. */
  commitChunks(commits: ChunkCommit[]): Promise<PromiseSettledResult<Written | null>[]>;
  /**
   * Reserves unique keys for the batch's next chunk, before its records go to the handler. Keys that this chunk has reserved
   * before stay reserved. Answers the keys that other records have; null: fence, state or chunk did not match. A batch that ends
   * without a commit frees its reservations.
   */
  reserveKeys(id: number, fence: number, chunk: number, keys: string[]): Promise<string[] | null>;
  /** Those of these unique keys that a record of the client has. Reserves nothing. */
  takenKeys(clientId: number, keys: string[]): Promise<string[]>;
  /**
   * Those of these unique keys that a delivered record of the client has. A key that is only reserved is not in the
   * answer.
   */
  keptKeys(clientId: number, keys: string[]): Promise<string[]>;
  /**
   * Renews the leases of those of these batches that the owner still holds, and returns them. A batch whose claim had a lost
   * answer is not in `ids`, so its lease expires.
   */
  extendLeases(owner: string, ids: number[], leaseMs: number): Promise<{ id: number; fence: number }[]>;
  /**
   * Whether the client's running batches should give up their places: the client is paused, or another client with
   * fewer running batches for its weight has a batch that may be claimed.
   */
  isOvertaken(clientId: number): Promise<boolean>;
  /** Moves a batch to another state. If it leaves `processing`: fence+1, and its client has one place more. Null: a condition failed. */
  move(move: Move): Promise<Written | null>;

  /** Batches in `state` whose `due_at` has passed, oldest first, without voided uploads. */
  due(state: BatchState, limit: number): Promise<BatchRow[]>;
  /** Voided uploads (taken from their node) whose rows are not deleted yet. */
  voided(limit: number): Promise<BatchRow[]>;
  /** For the start of an embedded node: ends every lease in the file. */
  voidLeases(): Promise<void>;
  /**
   * Deletes up to `limit` chunks of an ended batch (or a voided upload) that is due. With the last chunk it sets `chunks` to 0 and
   * `due_at` as given.
   */
  purgeChunks(id: number, limit: number, due: Due, removed?: Removed): Promise<Removal>;
  /**
   * Deletes up to `limit` rows of an ended batch (or a voided upload) that is due: chunks, errors, records, and at last the batch
   * itself and its content key.
   */
  deleteBatch(id: number, limit: number, removed?: Removed): Promise<Removal>;
  /**
   * Deletes the records of an `undoing` batch up to the number `upTo`, and those of these unique keys that belong to
   * the batch. False: another node is deleting from the batch, or the batch is not `undoing`.
   */
  undoRecords(id: number, upTo: number, keys: string[]): Promise<boolean>;
  /** How many records of other batches were counted as duplicates of this batch's records. */
  duplicatesOf(id: number): Promise<number>;
  /**
   * Reads the next `limit` correction marks of the batch `first` between two keys (hex). Deletes those that the `undoing` batch
   * has set, and reduces the count of `first` by them. `last`: where it has stopped; null: there are no further marks. Undefined:
   * another node is deleting, or the batch is not `undoing`.
   */
  undoMarks(
    id: number,
    first: number,
    keys: { after: string; to: string },
    limit: number,
  ): Promise<{ last: string | null } | undefined>;
  /** Those of these clients that are under a legal hold. Retention deletes none of their data. */
  heldClients(ids: number[]): Promise<number[]>;
  /** Of these batches, makes those that are due but under a legal hold due again after `ms`. */
  deferHeld(ids: number[], ms: number): Promise<void>;
  /** Earlier passes over batches, whose errors are still to be deleted. Oldest first. */
  staleErrors(limit: number): Promise<StaleErrors[]>;
  /** Deletes up to `limit` errors of an earlier pass over a batch. */
  deleteStaleErrors(stale: Pick<StaleErrors, "batchId" | "pass">, limit: number, removed?: Removed): Promise<Removal>;

  stats(): Promise<QueueStats>;
  /** Adds up the rows of `batch_count`. Called now and then; otherwise `stats` becomes slower. */
  foldCounts(): Promise<void>;

  /** Deletes up to `limit` old versions of policies that no batch pins. True: none is left. Called by `policy`, the table's owner. */
  forgetVersions(limit: number): Promise<boolean>;
  /** Deletes up to `limit` pins of datasets that no batch uses. True: none is left. */
  forgetPins(limit: number): Promise<boolean>;
  /** Deletes up to `limit` unique keys of a deleted dataset. True: no deleted dataset has keys left. */
  forgetScopes(limit: number): Promise<boolean>;
  /** How many batches of a dataset have not ended, of all clients. */
  openBatches(dataset: string): Promise<number>;

  /** How many batches of a client run and wait now. Counts by the index of states, up to 10,000 each. */
  queueOf(clientId: number): Promise<QueueUse>;
  /**
   * The ids of clients that have the dataset, and whose identifier begins with the text or whose name contains it.
   * Ignores the case of letters. Newest first. `before`: only ids below this one.
   */
  findClients(query: {
    text?: string;
    status?: string;
    dataset?: string;
    before?: number;
    limit: number;
  }): Promise<number[]>;
  /** What these clients use of their limits now, and when each has made its newest batch. */
  clientUses(clientIds: number[]): Promise<Map<number, ClientUse>>;
  /**
   * The clients that are at a limit now, and those whose webhook is off because its receiver is gone. Up to 50 of each
   * kind.
   */
  needyClients(): Promise<ClientNeed[]>;
  /** Writes a client's cap and weight. A new client begins with running 0. */
  setQueue(clientId: number, cap: number, weight: number): Promise<void>;
  /**
   * Repairs rows that foreign SQL has written: makes sure that `candidates` finds the ready batches of the next `limit` clients
   * above the id `after`. Our own units keep these rows right. Answers the last client's id; null: there are no more.
   */
  repairQueues(after: number, limit: number): Promise<number | null>;

  /** Takes outbox rows that are older than `olderThanMs`. For `retryMs` no other caller gets them. */
  takeOutbox(limit: number, olderThanMs: number, retryMs: number): Promise<OutboxRow[]>;
  deleteOutbox(ids: number[]): Promise<void>;
}
