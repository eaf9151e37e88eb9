/** What operators and partners read of batches: one batch, lists, errors, records and history. See store.ts. */
import type { BatchRow, ClientQueue } from "../services/batch/batch.domain.ts";
import type {
  BatchWalk,
  BoundedCount,
  FinishedSpan,
  IdsBetween,
  Walked,
} from "../services/batch/batch.filter.domain.ts";
import type { MoveRow } from "../services/batch/batch.history.domain.ts";
import type {
  BatchAttempt,
  ErrorSummary,
  ListQuery,
  QueueStats,
  RecordErrors,
  RefusedRecord,
  SeenBatch,
} from "../services/batch/batch.reads.domain.ts";

export interface BatchReadStore {
  batch(publicId: string, clientId: number | null): Promise<BatchRow | null>;
  /** The retry batch that was made of this batch's rejected records. */
  childOf(id: number): Promise<BatchRow | null>;
  list(query: ListQuery): Promise<BatchRow[]>;
  /** A page of a walk (a paged search of batches) between two ids. `end` in the answer: where the next page begins. */
  walkBatches(
    walk: BatchWalk,
    between: IdsBetween,
    page: { limit: number; look?: number; isOldestFirst?: boolean },
  ): Promise<Walked<BatchRow>>;
  /** How many batches of a walk match, up to `MOST_COUNTED_BATCHES`. */
  countBatches(walk: BatchWalk, between: IdsBetween): Promise<BoundedCount>;
  /** Approximate bounds for the id of the first batch from this time on (epoch ms): above `low`, at most `high`. */
  idAt(ms: number): Promise<{ low: number; high: number }>;
  /**
   * The batches that ended between these times. Counts up to `MOST_FINISHED`; above that the ids are of the first ones.
   */
  finishedSpan(from: number, to: number): Promise<FinishedSpan>;
  /** The ids of the batches whose public id is between these two, up to `MOST_FINISHED`. */
  idsFrom(from: string, to: string): Promise<number[]>;
  /** The ids of the batches of an idempotency key. `clientId` null: of any client. */
  batchesOfKey(key: string, clientId: number | null): Promise<number[]>;
  /** How many batches each of these clients runs and may run. `now`: the database's clock. */
  queuesOf(clientIds: number[]): Promise<{ now: number; queues: ClientQueue[] }>;
  /** How many batches are in each state, exactly. Triggers count the states that may have many batches. */
  stateCounts(): Promise<QueueStats["states"]>;
  /** The idempotency key of a batch, while it is kept. */
  keyOfBatch(id: number): Promise<string | null>;
  /** The clients whose identifier begins with this text, sorted by identifier. */
  clientsNamed(beginning: string, limit: number): Promise<{ id: number; identifier: string }[]>;
  /** The batches whose version has changed, in any order. One query, however many batches are asked for. */
  changed(seen: SeenBatch[]): Promise<BatchRow[]>;
  /**
   * Rejected records with seq > `after`, in order, each with all its errors. Stops at `limit`, or after the record that
   * crosses `maxBytes`.
   */
  errors(id: number, after: number, limit: number, maxBytes: number): Promise<RecordErrors[]>;
  /** The faults of the batch's current pass by field and code, the largest groups first. */
  errorSummary(id: number): Promise<ErrorSummary>;
  /** The rejected records with these numbers that the error report lists, by rising number. */
  refused(id: number, numbers: number[]): Promise<RefusedRecord[]>;
  /**
   * The rejected records with these numbers, each with all its errors. The texts may be long, so ask for few records.
   */
  errorsOf(id: number, numbers: number[]): Promise<RecordErrors[]>;
  /** Stored records with seq > `after`, in order. Stops at `limit`, or after the record that crosses `maxBytes`. */
  records(id: number, after: number, limit: number, maxBytes: number): Promise<{ seq: number; data: string }[]>;
  /** The batch's stored changes of state, in order. Of a long history only the first ones and the last ones. */
  moves(id: number): Promise<MoveRow[]>;
  /**
   * The last failed attempts of each of these batches, newest first. The table keeps only a batch's first and last
   * ones.
   */
  attempts(ids: number[], last: number): Promise<BatchAttempt[]>;
}
