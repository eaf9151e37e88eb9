/** The types of an undo in a table, and the statements that each dialect provides for it. */
import type { TargetColumn, TargetTable } from "./target.ts";

/** A foreign key that leads to the table. */
export interface Referring {
  /** The name of the violated constraint. Null: the server does not report it. */
  constraint: string | null;
  schema: string;
  table: string;
  columns: string[];
  parentColumns: string[];
}

/** The rows of a batch in a table, by the column that has its id. */
export interface BatchRows {
  table: TargetTable;
  column: TargetColumn;
  /** The columns that identify a row, quoted. None: the columns that the foreign key leads to. */
  identity: string[];
  referring: Referring[];
}

interface Statement {
  text: string;
  values: unknown[];
}

/** Texts with one parameter, the batch's id, unless they are statements. */
export interface UndoTexts {
  /** Answers one row, with the table's `identity` as JSON of column names, if a full index begins with the column. */
  index(table: TargetTable, column: TargetColumn): Statement;
  identity(table: TargetTable, told: string): string[];
  referring(table: TargetTable): Statement & { made(rows: never[]): Referring[] };
  /**
   * Deletes up to `limit` rows of the batch to which no row refers, not even a row written meanwhile. Answers rows with
   * `n` if it has deleted any. A list means statements without parameters, which are sent in one message.
   */
  remove(rows: BatchRows, limit: number, batch: string): Statement | string[];
  /** Answers a row if the table still has a row of the batch. */
  left(rows: BatchRows): string;
  /** Answers a row if a row outside the batch refers to a row of the batch. */
  isReferred(rows: BatchRows, by: Referring): string;
}
