/** Rejected records as CSV that is safe to open in a spreadsheet (OWASP, CSV injection). */
import type { RecordErrors } from "../../database/store.ts";

export const CSV_HEAD = "record,line,field,code,message,raw\r\n";

const NO_FAULT = { field: "", code: "", message: "" };

/** The last row of a report that does not list `records`. */
export const csvEnd = (records: number): string =>
  records === 0 ? "" : `,,,truncated,${records} more rejected records are not listed.,\r\n`;

/** A row for each fault of a record. The raw text is in the first one only: it may be a thousand times as long as the rest. */
export function csvRows({ seq, line, errors, raw }: RecordErrors): string {
  const faults = errors.length > 0 ? errors : [NO_FAULT];
  return faults
    .map(({ field, code, message }, n) => row([seq, line ?? "", field, code, message, n === 0 ? raw : ""]))
    .join("");
}

const row = (cells: (string | number)[]) => `${cells.map(cell).join(",")}\r\n`;

/**
 * What a formula begins with, also in full width. A spreadsheet may skip blanks, invisible characters and a quote before it.
 * Where `;` is the delimiter of lists, Excel does not see quotes after a comma: there a `;`, a tab or the end of a line
 * begins a cell even inside of a quoted one.
 */
const FORMULA = /(^|[;\t\r\n])(?=[[\s\p{C}"]--[\t\r\n]]*[=+\-@＝＋－＠])/gv;

/** `'` makes a text of what follows it. */
function cell(value: string | number): string {
  if (typeof value === "number") return String(value);
  const safe = value.replace(FORMULA, "$1'").replace(/^(?=[\t\r\n])/, "'");
  return /[",;\t\r\n]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
