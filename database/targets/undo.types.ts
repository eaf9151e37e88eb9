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
   * Deletes up to `limit` rows that no row refers to, and none to which one comes to refer meanwhile. Answers rows with `n` if it has
   * deleted any. A list: statements without parameters, which are sent together.
   */
  remove(rows: BatchRows, limit: number, batch: string): Statement | string[];
  /** Answers a row if one of the batch's rows is there. */
  left(rows: BatchRows): string;
  /** Answers a row if a row that is not the batch's refers to one of the batch's. */
  isReferred(rows: BatchRows, by: Referring): string;
}
