/** Translates SQL Server's errors: what an error number says of a row or its table. */
import { TableFailure } from "../../../errors.ts";
import { shownTable } from "../../../targets/names.ts";
import type { TableFaultCode } from "../../../targets/outcome.ts";
import type { TargetTable } from "../../../targets/target.ts";

/**
 * Fault codes by the number of an error of a text that does not fit its column's type. Such texts are found before the
 * transaction, because most of these errors would doom it.
 */
const ofText: Record<number, TableFaultCode> = {
  220: "range",
  232: "range",
  235: "type",
  236: "range",
  241: "type",
  242: "range",
  244: "range",
  245: "type",
  248: "range",
  293: "type",
  294: "range",
  295: "type",
  2628: "maxLength",
  6926: "type",
  8114: "type",
  8115: "range",
  8152: "maxLength",
  8169: "type",
};
/** The range of error numbers for texts that are no XML: the parser has a number for each reason. */
const [XML_LEAST, XML_MOST] = [9400, 9500];

/**
 * Fault codes by the number of an error that refuses a row. All other errors are no fault of a row, but of the server,
 * the schema, rights, or of a column that no field fills (an exhausted identity is 8115). 547 means a reference or a
 * CHECK: the name of the constraint tells which.
 */
const ofRow: Record<number, TableFaultCode> = {
  511: "maxLength",
  515: "required",
  547: "constraint",
  1946: "maxLength",
  2601: "conflict",
  2627: "conflict",
  // 3609: a trigger has ended the transaction.
  3609: "constraint",
  // 33504: the row security of the table refuses the row.
  33504: "constraint",
};
/** Error numbers from 50,000 on come from a trigger's own THROW or RAISERROR. */
const OWN = 50_000;

const numbers = (of: object) => Object.keys(of).join(", ");

/** T-SQL conditions: whether the error `@number` is a fault of a text, or of a row. */
export const IS_OF_TEXT = `(@number IN (${numbers(ofText)}) OR @number BETWEEN ${XML_LEAST} AND ${XML_MOST})`;
export const IS_OF_ROW = `(@number IN (${numbers(ofRow)}) OR @number >= ${OWN})`;

export const codeOfText = (number: number): TableFaultCode => ofText[number] ?? "type";

export function codeOfRow(number: number, isReference: boolean): TableFaultCode {
  if (number === 547 && isReference) return "reference";
  return ofRow[number] ?? "constraint";
}

const gone: Record<number, string> = {
  207: "a column is not there",
  208: "the table is not there",
  229: "a right is missing",
  230: "a right is missing",
  262: "a right is missing",
  257: "no text becomes a column's type",
  2760: "the schema is not there",
  3906: "the database only reads",
  3908: "the database only reads",
};
const busy: Record<number, string> = {
  220: "a column that no field fills overflows",
  232: "a column that no field fills overflows",
  1205: "a deadlock",
  1222: "its rows are locked",
  3960: "a snapshot conflict",
  8115: "a column that no field fills overflows",
  11728: "a sequence is exhausted",
};

/**
 * The error that tells why the chunk cannot be written now. It has nothing of the server's own text, which may show
 * values.
 */
export function failureOf(number: number, table: TargetTable, cause?: unknown): TableFailure {
  const reason = gone[number] ?? busy[number] ?? "the server refuses";
  const message = `the table ${shownTable(table)} cannot be written now: ${reason} (${number})`;
  return new TableFailure(number in gone ? "gone" : "busy", String(number), message, cause);
}
