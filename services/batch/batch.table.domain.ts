/** The records of a batch as rows of the company's own table: what a commit writes, and what became of it. */
import type { TablePlan } from "../../database/targets/target.ts";
import type { RecordPlaces, RejectedRecord } from "../../formats/formats.ts";
import type { SentAs } from "../../formats/read/sent.ts";

/** What became of rows in a table. */
export interface RowCounts {
  created: number;
  updated: number;
  deleted: number;
}

/** A record as a row: a text for each planned column, null, or undefined where the record has none. */
export interface TableRow {
  values: (string | null | undefined)[];
  /** The row of this key goes. Only the values of the key are there, and that of `newer`. */
  isDelete: boolean;
}

/** The records of a chunk as rows of the company's own table. */
export interface TableCommit {
  plan: TablePlan;
  /** One for each text of the commit. */
  rows: TableRow[];
  /** The keys of each, separated by blanks, where there are any: a record that the table refuses gives them back. */
  keys: (string | null)[] | null;
  /** Where the records of the chunk came from: those that the table refuses are reported with it. */
  origins: RecordPlaces;
  /** How they came: their faults show the value that was sent. */
  sent: SentAs;
  /** How many faults the batch's error report may list yet, with those of `errors`. */
  faultsLeft: number;
  /** So many rows are written at once; null: all. */
  pieceRows: number | null;
  /** Records of the chunk that were found to be no rows, before SQL. They are among `errors` or `unlisted` as well. */
  unfit?: Pick<RejectedRecord, "index" | "errors">[];
}

/**
 * What became of a chunk's rows, by the places of their records in the chunk: as a table's database keeps it for the commit in
 * DataFlow's own.
 */
export interface TableVerdict {
  rows: RowCounts;
  /** Rising. */
  passed: number[];
  /** Rising by their index. */
  refused: Pick<RejectedRecord, "index" | "errors">[];
}

/** A chunk that a table of another database has and the batch does not count yet. */
export interface AppliedChunk {
  nextChunk: number;
  counts: Record<"accepted" | "rejected" | "duplicate", number> & RowCounts;
}

/** What a table has made of a commit, for logs and metrics. */
export interface TableWritten {
  /** How many rows it had already, or newer. */
  passed: number;
  /** The reasons of refused rows. Never their values. */
  refused: { code: string; state: string; constraint: string | null; column: string | null; rows: number }[];
  /** Whether the rows were written one by one, to find those that the table refuses. */
  isRowByRow: boolean;
  /** Time in the target. */
  ms: number;
}

/** A foreign key by which rows refer to rows that are taken back. */
export interface RowReference {
  /** The table that refers, with its schema. */
  table: string;
  columns: string[];
  /** Null: the server does not tell it. */
  constraint: string | null;
}
