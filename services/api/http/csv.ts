/** Rejected records as CSV that is safe to open in a spreadsheet (OWASP, CSV injection). */
import type { RecordErrors } from "../../../database/store.ts";
import { slices } from "./slices.ts";

export const CSV_HEAD = "record,line,field,code,message,raw\r\n";

const NO_FAULT = { field: "", code: "", message: "" };

/** The last row of a report that does not list `records`. */
export const csvEnd = (records: number): string =>
  records === 0 ? "" : `,,,truncated,${records} more rejected records are not listed.,\r\n`;

/**
 * A row for each fault of a record, in parts. The raw text is in the first one only: it may be a thousand times as long as
 * the rest.
 */
export function* csvRows({ seq, line, errors, raw }: RecordErrors): Generator<string> {
  const faults = errors.length > 0 ? errors : [NO_FAULT];
  let rest = raw;
  for (const { field, code, message } of faults) {
    yield `${[seq, line ?? "", ...[field, code, message].map(cell)].join(",")},`;
    yield* cellParts(rest);
    yield "\r\n";
    rest = "";
  }
}

/**
 * What a formula begins with, also in full width. A spreadsheet may skip blanks, invisible characters and a quote before it.
 * Where `;` is the delimiter of lists, Excel does not see quotes after a comma: there a `;`, a tab or the end of a line
 * begins a cell even inside of a quoted one.
 */
const [separator, skipped, sign] = ["[;\\t\\r\\n]", '[[\\s\\p{C}"]--[\\t\\r\\n]]*', "[=+\\-@＝＋－＠]"];
const inText = {
  formula: new RegExp(`(${separator}${skipped})(${sign})`, "gv"),
  endsAtStart: new RegExp(`${separator}${skipped}$`, "v"),
};
/** The same at the start of a cell. */
const atStart = {
  formula: new RegExp(`((?:^|${separator})${skipped})(${sign})`, "gv"),
  endsAtStart: new RegExp(`(?:^|${separator})${skipped}$`, "v"),
};

const cell = (text: string): string => [...cellParts(text)].join("");

/** `'` makes a text of what follows it. */
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
