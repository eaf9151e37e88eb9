/** What an error of PostgreSQL says of a row, by its SQLSTATE. */
import { TableFailure } from "../../../errors.ts";
import { shownTable } from "../../../targets/names.ts";
import type { TableFaultCode } from "../../../targets/outcome.ts";
import type { TargetTable } from "../../../targets/target.ts";

/**
 * What is no fault of a row: of the connection, the transaction, the server, the schema, rights. 2200H: a sequence is exhausted.
 * 54000 is not among them: so a value says that it is too long for an index. Nor are classes that only a trigger's own code raises
 * (20: a CASE without a branch, 2F: no RETURN).
 */
export const NO_FAULT = "^(0[8AB]|25|26|28|2[BD]|3[BDF]|40|42|5[3578]|72|F0|HV|XX|2200H|54[0-9A-Z]+[1-9])";
const noFault = new RegExp(NO_FAULT);

/** Whether rows have to be looked at one by one. 42501 also tells of a row that the table's policies refuse. */
export const mayBeOfRow = (state: string): boolean =>
  /^[0-9A-Z]{5}$/.test(state) && (!noFault.test(state) || state === "42501");

/** A trigger or a rule has swallowed the row. Raised by ourselves, in a class that is nobody's. */
export const SWALLOWED = "DF001";

/** The key's index has gone since the plan was made, and the key finds several rows. */
export const NO_KEY = "42P10";

const codes: Record<string, TableFaultCode> = {
  "23505": "conflict",
  "23P01": "conflict",
  "23503": "reference",
  "23001": "reference",
  "23502": "required",
  "22001": "maxLength",
  "22026": "maxLength",
  "54000": "maxLength",
  "22003": "range",
  "22008": "range",
};

export function codeOf(state: string, isCast: boolean): TableFaultCode {
  const known = codes[state];
  if (known) return known;
  return isCast && state.startsWith("22") ? "type" : "constraint";
}

/** 42: table, column, type or right; 3F: schema; 25006: only reads. */
const isGone = (state: string): boolean => /^(42|3F|25006)/.test(state);

const reasons: Record<string, string> = {
  "42P01": "the table is not there",
  "3F000": "the schema is not there",
  "42703": "a column is not there",
  [NO_KEY]: "its key finds more than one row",
  "42501": "a right is missing",
  "25006": "the database only reads",
  "40P01": "a deadlock",
  "40001": "a serialization failure",
  "55P03": "its rows are locked",
  "57014": "the time for a statement is over",
  "2200H": "a sequence is exhausted",
  "22003": "a column that no field fills overflows",
};

/** Why the chunk cannot be written now. Nothing of the server's own text: it may show values. */
export function failureOf(state: string, table: TargetTable, cause?: unknown): TableFailure {
  const reason = reasons[state] ?? "the server refuses";
  const message = `the table ${shownTable(table)} cannot be written now: ${reason} (${state})`;
  return new TableFailure(isGone(state) ? "gone" : "busy", state, message, cause);
}
