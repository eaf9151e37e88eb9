/** Translates SQLite's errors: what an error says of a row or its table. */
import { TableFailure } from "../../../errors.ts";
import { shownTable } from "../../../targets/names.ts";
import type { RefusedRow, TableFaultCode } from "../../../targets/outcome.ts";
import type { TablePlan } from "../../../targets/target.ts";

/**
 * Fault codes by SQLite's extended error code, for: UNIQUE, PRIMARY KEY, ROWID, FOREIGN KEY, CHECK, NOT NULL, a
 * trigger, the type of a STRICT table. Code 1: a function in a CHECK, a trigger or a generated column has refused the
 * row's value.
 */
const codes: Record<number, TableFaultCode> = {
  2067: "conflict",
  1555: "conflict",
  2579: "conflict",
  787: "reference",
  275: "constraint",
  1299: "required",
  1811: "constraint",
  3091: "type",
  20: "type",
  18: "maxLength",
  1: "constraint",
};
const [ERROR, BUSY, LOCKED, SCHEMA] = [1, 5, 6, 17];

interface SqliteError {
  errcode?: number;
  message?: string;
}

/** Translates an error of a compiled statement into a refused row. Null: the error is no fault of the row. */
export function refusedRow(error: unknown, rank: number, plan: TablePlan): RefusedRow | null {
  const { errcode = 0, message = "" } = error as SqliteError;
  const code = codes[errcode];
  if (!code) return null;
  return { rank, code, state: String(errcode), ...placeOf(message, plan) };
}

/**
 * Reads the place of a fault from SQLite's message. For UNIQUE and NOT NULL the message names the columns, for CHECK
 * the constraint.
 */
function placeOf(
  message: string,
  { table, columns }: TablePlan,
): Pick<RefusedRow, "constraint" | "column" | "isAlone"> {
  const [, told = ""] = /constraint failed: (.*)$/s.exec(message) ?? [];
  const names = told.split(", ").map((one) => one.slice(one.lastIndexOf(".") + 1));
  const planned = columns.find(({ column }) => names.includes(column.name))?.column.name ?? null;
  const key = table.keys.find(
    (one) => one.columns.length === names.length && one.columns.every((name) => names.includes(name)),
  );
  const constraint = key && !key.isPrimary ? key.name : told;
  const isTold = table.toldConstraints?.includes(constraint);
  return { constraint: isTold ? constraint : null, column: planned, isAlone: names.length === 1 };
}

/** Translates an error into a failure of the table. Null: the error concerns the file or its disk. */
export function tableFailure(error: unknown, { table }: TablePlan): TableFailure | null {
  const { errcode = 0, message = "" } = error as SqliteError;
  const primary = errcode & 0xff;
  const told = (kind: "busy" | "gone", reason: string) =>
    new TableFailure(kind, String(errcode), `the table ${shownTable(table)} cannot be written now: ${reason}`);
  if (primary === BUSY || primary === LOCKED) return told("busy", "somebody else writes the file");
  if (/no such (table|column)|has no column/.test(message)) return told("gone", "the table or a column is not there");
  if (/foreign key mismatch/.test(message)) return told("gone", "a foreign key leads to columns that are no key");
  if (primary === SCHEMA) return told("busy", "it was altered meanwhile");
  return primary === ERROR ? told("busy", `SQLite refuses (${errcode})`) : null;
}
