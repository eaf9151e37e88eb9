/** Translates PostgreSQL's errors: what a SQLSTATE says of a row or its table. */
import { TableFailure } from "../../../errors.ts";
import { shownTable } from "../../../targets/names.ts";
import type { TableFaultCode } from "../../../targets/outcome.ts";
import type { TargetTable } from "../../../targets/target.ts";

/**
 * A pattern for SQLSTATEs that are no fault of a row, but of the connection, the transaction, the server, the schema or
 * rights. 2200H: a sequence is exhausted. 54000 does not match, because it can mean that a value is too long for an
 * index. Classes that only a trigger's own code raises do not match either (20: a CASE without a branch, 2F: no
 * RETURN).
 */
export const NO_FAULT = "^(0[8AB]|25|26|28|2[BD]|3[BDF]|40|42|5[3578]|72|F0|HV|XX|2200H|54[0-9A-Z]+[1-9])";
const noFault = new RegExp(NO_FAULT);

/**
 * Whether an error may be the fault of a row, so that rows must be written one by one. 42501 can also mean a row that
 * the policies of the table refuse.
 */
export const mayBeOfRow = (state: string): boolean =>
  /^[0-9A-Z]{5}$/.test(state) && (!noFault.test(state) || state === "42501");

/**
 * The SQLSTATE of DataFlow's own error for a row that a trigger or a rule has swallowed. No one else uses its class.
 */
export const SWALLOWED = "DF001";

/**
 * The SQLSTATE of DataFlow's own error for a key that finds several rows: the key's unique index was dropped after the
 * plan was made.
 */
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

/**
 * Whether the table cannot be used before somebody changes it. 42: table, column, type or right; 3F: schema; 25006:
 * only reads.
 */
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

/**
 * The error that tells why the chunk cannot be written now. It has nothing of the server's own text, which may show
 * values.
 */
export function failureOf(state: string, table: TargetTable, cause?: unknown): TableFailure {
  const reason = reasons[state] ?? "the server refuses";
  const message = `the table ${shownTable(table)} cannot be written now: ${reason} (${state})`;
  return new TableFailure(isGone(state) ? "gone" : "busy", state, message, cause);
}
