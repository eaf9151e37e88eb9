/** The records of a batch as rows of the company's own table: what a commit writes, and the result. */
import type { TablePlan } from "../../database/targets/target.ts";
import type { RecordPlaces, RejectedRecord } from "../../formats/formats.ts";
import type { SentAs } from "../../formats/read/sent.ts";

/** How many rows of a table were created, updated and deleted. */
export interface RowCounts {
  created: number;
  updated: number;
  deleted: number;
}

/** A record as a row: a text for each planned column, null, or undefined where the record has none. */
export interface TableRow {
  values: (string | null | undefined)[];
  /** The record deletes the row with this key. `values` holds only the key's values and the value of `newer`. */
  isDelete: boolean;
}

/** The records of a chunk as rows of the company's own table. */
export interface TableCommit {
  plan: TablePlan;
  /** One row for each text of the commit. */
  rows: TableRow[];
  /** The unique keys of each record, separated by blanks, if there are any. If the table refuses the record, its keys are released. */
  keys: (string | null)[] | null;
  /** The places of the chunk's records in the body. The error report names the place of a record that the table refuses. */
  origins: RecordPlaces;
  /** The form in which the values were sent. A fault shows the value in that form. */
  sent: SentAs;
  /** How many more faults the batch's error report may list, including those of `errors`. */
  faultsLeft: number;
  /** How many rows are written at once. Null: all. */
  pieceRows: number | null;
  /** Records of the chunk that were rejected as rows before SQL. They are also in `errors` or `unlisted`. */
  unfit?: Pick<RejectedRecord, "index" | "errors">[];
}

/**
 * The result of a chunk's rows, by the places of their records in the chunk. A table's database keeps it until DataFlow's own
 * commit.
 */
export interface TableVerdict {
  rows: RowCounts;
  /** Positions, ascending. */
  passed: number[];
  /** Ascending by index. */
  refused: Pick<RejectedRecord, "index" | "errors">[];
}

/** A chunk that is committed in the table's database but not yet counted in the batch. */
export interface AppliedChunk {
  nextChunk: number;
  counts: Record<"accepted" | "rejected" | "duplicate", number> & RowCounts;
}

/** The result of a commit into a table, for logs and metrics. */
export interface TableWritten {
  /** How many rows the table already had, or had in a newer version. */
  passed: number;
  /** Why rows were refused. It never holds values. */
  refused: { code: string; state: string; constraint: string | null; column: string | null; rows: number }[];
  /** Whether the rows were written one by one, to find the refused ones. */
  isRowByRow: boolean;
  /** How long the target took. */
  ms: number;
}

/** A foreign key by which other rows refer to rows that an undo deletes. */
export interface RowReference {
  /** The referring table, with its schema. */
  table: string;
  columns: string[];
  /** The name of the foreign key. Null: the server does not tell it. */
  constraint: string | null;
}
