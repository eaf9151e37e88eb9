/**
 * What DataFlow keeps in another database beside the tables there: for each batch that is worked the table `dataflow_applied` has
 * the fence, the chunk that comes next, and what became of the chunk before it. It is written in the transaction of the chunk's
 * rows, so it tells the truth about them, whatever happens before DataFlow's own commit.
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

/** A row as operators and the deletion of old rows see it. */
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

/** `told` null: the chunk was written before. */
export interface AppliedNow extends AppliedVerdict {
  told: TableWritten | null;
}

/**
 * The table in one database. Batches go by their public ids. Throws TableFailure where the table is not there or may not be written,
 * and DatabaseUnavailable.
 */
export interface AppliedTable {
  /** Creates the table if it is missing. */
  make(): Promise<void>;
  /**
   * The claim of a worker: raises the fence, or makes the row. Null: the fence there is higher. The caller then asks whether its
   * claim still holds: only then may a row that was made stand for it.
   */
  enter(of: ChunkOf): Promise<AppliedRow | null>;
  /** Writes the rows and the verdict in one transaction. Null: fence or chunk was another, and nothing was written. */
  apply(of: ChunkOf, table: TableCommit, judge: (outcome: TableOutcome) => AppliedVerdict): Promise<AppliedNow | null>;
  /** Waits for a transaction that is about to write the row. Null: there is none. */
  look(batch: string): Promise<AppliedRow | null>;
  /** Raises the fence, so that its worker writes nothing any more. Null: no worker has entered. */
  raise(batch: string, fence: number): Promise<AppliedRow | null>;
  /** Deletes the rows of these batches, unless a worker has claimed one since. */
  forget(rows: { batch: string; fence: number }[]): Promise<void>;
  /** The rows after the batch `after`, ordered by batch. Empty if the table does not exist. */
  list(after: string | null, limit: number): Promise<ListedRow[]>;
}
