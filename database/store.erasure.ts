/** What erasures ask of the database. See store.ts. */
import type { Removal, Removed } from "../services/batch/batch.reads.domain.ts";
import type { ErasedBatch, ErasureAt, GroupTexts } from "../services/retention/retention.domain.ts";

/** The rows that an erasure deletes from one page of records or errors. */
interface ErasedPage {
  seqs: number[];
  /** The id up to which the page has read. */
  upTo: number;
  touched: 0 | 1;
}

/**
 * Erasures. A method with `at` writes only if the erasure is still at this position, no one works at the batch, and no
 * legal hold keeps it. Otherwise it answers false and writes nothing. A write raises the erasure's version by one.
 */
export interface ErasureStore {
  /** The next batch of the dataset after this id. */
  erasedBatch(of: {
    dataset: string;
    clientId: number | null;
    after: number;
    last: number;
  }): Promise<ErasedBatch | null>;
  /** The greatest id of any batch. */
  lastBatch(): Promise<number>;
  /** The clients (public ids) under a legal hold that have a batch of the dataset. */
  heldWith(dataset: string): Promise<string[]>;
  groupTexts(id: number): Promise<GroupTexts[]>;
  deliveryBodies(id: number): Promise<{ id: number; body: string }[]>;
  eraseRecords(at: ErasureAt, page: ErasedPage): Promise<boolean>;
  /** Deletes the errors of these rejected records. The numbers count within the pass. */
  eraseErrors(at: ErasureAt, page: ErasedPage & { pass: number }): Promise<boolean>;
  /** Writes a group without `n` of its examples. */
  eraseExamples(at: ErasureAt, group: GroupTexts & { n: number }): Promise<boolean>;
  eraseDeliveries(at: ErasureAt, ids: number[]): Promise<boolean>;
  /** Marks the batch as one without a body; `eraseChunks` deletes the body. */
  emptyBody(at: ErasureAt): Promise<boolean>;
  eraseChunks(id: number, limit: number): Promise<Removal>;
  /** Deletes a batch like `deleteBatch`, whether its retention is over or not, and counts what was deleted for this erasure. */
  eraseBatch(id: number, erasure: number, limit: number, removed?: Removed): Promise<Removal>;
  /** A client's batches and running uploads, oldest first. */
  clientBatches(
    clientId: number,
    limit: number,
  ): Promise<{ id: number; publicId: string; state: string; isResting: number }[]>;
  /** Deletes up to `limit` rows of each table of what a client has beside its batches. True: none is left. */
  eraseClientRows(clientId: number, erasure: number, limit: number): Promise<boolean>;
}
