/** Rejected records as CSV that is safe to open in a spreadsheet (OWASP, CSV injection). */
import type { RecordErrors } from "../../batch/batch.reads.domain.ts";

const MOST = 64 * 1024;

/** Cuts a long text into parts, so that no part holds the event loop for long. Surrogate pairs stay whole. */
export function* slices(text: string, most = MOST): Generator<string> {
  for (let at = 0; at < text.length; ) {
    const isCut = /[\uD800-\uDBFF]/.test(text[at + most - 1] ?? "");
    const end = at + most - (isCut ? 1 : 0);
    yield text.slice(at, end);
    at = end;
  }
}

export const CSV_HEAD = "record,line,field,code,message,raw,column,value\r\n";

/** The byte order mark. Without it, Excel reads UTF-8 as windows-1252. */
export const BOM = "\ufeff";

const NO_FAULT: RecordErrors["errors"][number] = { field: "", code: "", message: "" };

/** The last row of a report: it tells that `records` more rejected records are left out. */
export const csvEnd = (records: number): string =>
  records === 0 ? "" : `,,,truncated,${records} more rejected records are not listed.,,,\r\n`;

/**
 * The CSV rows of a rejected record, one for each fault, in parts. Only the first row has the raw text, which may be a
 * thousand times as long as the rest.
 */
export function* csvRows({ seq, line, errors, raw }: RecordErrors): Generator<string> {
  const faults = errors.length > 0 ? errors : [NO_FAULT];
  let rest = raw;
  for (const { field, code, message, column = "", value = "" } of faults) {
    yield `${[seq, line ?? "", ...[field, code, message].map(cell)].join(",")},`;
    yield* cellParts(rest);
    yield `,${cell(column)},${cell(value)}\r\n`;
    rest = "";
  }
}

/**
 * The characters that begin a formula, also in full width. A spreadsheet may skip blanks, invisible characters and a
 * quote before them. Where the list delimiter is `;`, Excel ignores quotes after a comma: a `;`, a tab or a line end
 * then begins a new cell even inside a quoted one.
 */
const [separator, skipped, sign] = ["[;\\t\\r\\n]", '[[\\s\\p{C}"]--[\\t\\r\\n]]*', "[=+\\-@＝＋－＠]"];
const inText = {
  formula: new RegExp(`(${separator}${skipped})(${sign})`, "gv"),
  endsAtStart: new RegExp(`${separator}${skipped}$`, "v"),
};
/**
 * Finds a formula at the start of a cell too. `inText` finds formulas only behind a character that begins a new cell.
 */
const atStart = {
  formula: new RegExp(`((?:^|${separator})${skipped})(${sign})`, "gv"),
  endsAtStart: new RegExp(`(?:^|${separator})${skipped}$`, "v"),
};

/** A text of the product in one line, changed so that no spreadsheet takes it for a formula. */
export const safeText = (text: string): string => text.replaceAll(/[\t\r\n]+/g, " ").replace(atStart.formula, "$1'$2");

/** A cell of CSV, changed so that no spreadsheet takes it for a formula. */
export const safeCell = (text: string): string => cell(text);

const cell = (text: string): string => [...cellParts(text)].join("");

/** A cell in parts. A `'` in front of a formula makes the spreadsheet read the cell as text. */
function* cellParts(text: string): Generator<string> {
  const quote = /[",;\t\r\n]|^\s|\s$/.test(text) ? '"' : "";
  yield /^[\t\r\n]/.test(text) ? `${quote}'` : quote;
  let place = atStart;
  for (const slice of slices(text)) {
    yield slice.replace(place.formula, "$1'$2").replaceAll('"', '""');
    place = place.endsAtStart.test(slice) ? atStart : inText;
  }
  yield quote;
}
