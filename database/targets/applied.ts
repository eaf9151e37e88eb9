/**
 * The table `dataflow_applied`, which DataFlow keeps in another database with the company's tables. For each running
 * batch it has the fence, the next chunk, and the outcome of the last chunk. A chunk's rows and this outcome are
 * written in one transaction. So the outcome is true, even if a crash prevents DataFlow's own commit.
 */
import type { AppliedChunk, TableCommit, TableVerdict, TableWritten } from "../../services/batch/batch.table.domain.ts";
import type { TableOutcome } from "./outcome.ts";

/** A batch's row in `dataflow_applied`. `last` null: none of its chunks was written to this database. */
export interface AppliedRow {
  fence: number;
  nextChunk: number;
  last: AppliedVerdict | null;
}

export interface AppliedVerdict {
  verdict: TableVerdict;
  /** The counts of all records of the chunk. */
  counts: AppliedChunk["counts"];
}

/** A row for lists: operators read them, and a sweep deletes old rows. */
export interface ListedRow {
  batch: string;
  fence: number;
  nextChunk: number;
  /** Epoch ms. */
  changedAt: number;
}

/** The chunk that a worker writes, under the fence of its claim. */
export interface ChunkOf {
  batch: string;
  fence: number;
  chunk: number;
}

/** The verdict on a chunk, now or from an earlier write. `told` null: the chunk had been written before this call. */
export interface AppliedNow extends AppliedVerdict {
  told: TableWritten | null;
}

/**
 * `dataflow_applied` in one database. `batch`: a public id. The methods throw TableFailure if the table is missing or
 * may not be written, and DatabaseUnavailable.
 */
export interface AppliedTable {
  /** Creates the table if it is missing. */
  make(): Promise<void>;
  /**
   * Enters a worker's claim: raises the fence in the batch's row, or inserts the row. Null: the row has a higher fence.
   * The caller must check afterwards that its claim still holds, because the inserted row may be of an outdated claim.
   */
  enter(of: ChunkOf): Promise<AppliedRow | null>;
  /**
   * Writes a chunk's rows and its verdict in one transaction. Null: fence or chunk did not match, and nothing was
   * written.
   */
  apply(of: ChunkOf, table: TableCommit, judge: (outcome: TableOutcome) => AppliedVerdict): Promise<AppliedNow | null>;
  /** Reads the batch's row. Waits for a running transaction that writes it. Null: there is no row. */
  look(batch: string): Promise<AppliedRow | null>;
  /** Raises the fence of a batch, so that its worker can write no further chunk. Null: no worker has entered. */
  raise(batch: string, fence: number): Promise<AppliedRow | null>;
  /** Deletes the rows of these batches, except those that a worker has claimed since (another fence). */
  forget(rows: { batch: string; fence: number }[]): Promise<void>;
  /** The rows after the batch `after`, ordered by batch. Empty if the table does not exist. */
  list(after: string | null, limit: number): Promise<ListedRow[]>;
}
