/** Chooses the delimiter of a file that declares none. */
import { CellReader } from "./cells.ts";
import { type Dialect, SNIFFED } from "./dialect.ts";
import { cleanName, joinedRows } from "./names.ts";
import { CsvScanner } from "./scan.ts";

/** How many rows after the header are read. */
const ROWS = 20;

export interface Sample {
  /** The first bytes of the file from the header on, or from the first row if there is no header. */
  bytes: Buffer;
  /** Whether the file ends with the sample. */
  isWhole: boolean;
  /** The lines of the header's rows, counted from 0 at the start of the sample. Without a header: the line of the first row. */
  headerLines: readonly number[];
  /** The number of columns of a file without a header. Null: the header tells. */
  columns: number | null;
  commentChar: string | null;
  /** Whether a field, or the title of one, has this name. */
  isField(name: string): boolean;
}

/** The delimiter of a file with one column, so that each row is one cell. No text file contains this character. */
export const NO_DELIMITER = "\x1f";

interface Candidate {
  delimiter: string;
  /** Whether text follows a closing quote in the header: then the delimiter occurs only within quotes of another one. */
  isBroken: boolean;
  rows: number;
  fields: number;
}

/**
 * The delimiter with which most rows are as wide as the header, and have their quotes in place. If several are equal: the one
 * with which more names of the header are fields, then the first one of SNIFFED. If none occurs, the file has one column. Null:
 * the sample does not have the whole header.
 */
export function sniffDelimiter(dialect: Omit<Dialect, "delimiter">, sample: Sample): string | null {
  const found = SNIFFED.map((delimiter) => candidate({ ...dialect, delimiter }, sample));
  if (found.every((one) => one === null)) return null;
  const best = found
    .filter((one): one is Candidate => one !== null && one !== "absent")
    .reduce<Candidate | null>((most, one) => (most === null || isBetter(one, most) ? one : most), null);
  if (best !== null) return best.delimiter;
  return (sample.columns ?? 1) === 1 ? NO_DELIMITER : ",";
}

function isBetter(one: Candidate, other: Candidate): boolean {
  if (one.isBroken !== other.isBroken) return other.isBroken;
  return one.rows > other.rows || (one.rows === other.rows && one.fields > other.fields);
}

/** How well a delimiter fits. Null: the header is not complete. */
function candidate(dialect: Dialect, sample: Sample): Candidate | "absent" | null {
  const rows = rowsOf(dialect, sample);
  const header = headerIn(rows, sample);
  if (header === null) return null;
  if (header.cells.length === 1) return "absent";
  const names = header.cells.map(cleanName);
  const named = names.findLastIndex((name) => name !== "") + 1;
  const [least, most] = sample.columns === null ? [named, names.length] : [sample.columns, sample.columns];
  const isFit = ({ cells, isBroken }: Cells) => !isBroken && cells.length >= least && cells.length <= most;
  let fitting = sample.columns !== null && isFit(header) ? 1 : 0;
  let seen = 0;
  for (const row of rows) {
    if (row.isComment || row.cells.every((cell) => cell.trim() === "")) continue;
    if (isFit(row)) fitting++;
    if (++seen === ROWS) break;
  }
  const fields = sample.columns === null ? names.filter((name) => sample.isField(name)).length : 0;
  return { delimiter: dialect.delimiter, isBroken: header.isBroken, rows: fitting, fields };
}

/** The names in all rows of the header. Null: the sample ends before. */
function headerIn(rows: Iterator<Row, undefined>, { headerLines, isWhole }: Sample): Cells | null {
  const found: Row[] = [];
  const joined = () => ({
    cells: joinedRows(found.map(({ cells }) => cells)),
    isBroken: found.some((row) => row.isBroken),
  });
  for (const line of headerLines) {
    let row = rows.next().value;
    while (row !== undefined && row.line < line) row = rows.next().value;
    if (row === undefined) return isWhole && found.length > 0 ? joined() : null;
    found.push(row);
  }
  return joined();
}

interface Cells {
  cells: string[];
  /** Whether a quote is out of place. */
  isBroken: boolean;
}

interface Row extends Cells {
  /** The line, counted from 0. */
  line: number;
  isComment: boolean;
}

function* rowsOf(dialect: Dialect, { bytes, isWhole, commentChar }: Sample): Generator<Row, undefined> {
  const scanner = new CsvScanner(dialect, { isFile: true, commentChar });
  const reader = new CellReader(dialect);
  scanner.feed(bytes);
  let line = 0;
  for (let at = 0; at < bytes.length; ) {
    const next = scanner.next(at);
    if (next < 0 && !isWhole) return;
    const text = bytes.toString("utf8", at, next < 0 ? bytes.length : scanner.contentEnd).replace(/^\ufeff+/, "");
    const cells = reader.cells(text);
    yield { line, cells, isBroken: reader.fault !== null, isComment: scanner.isComment };
    line += scanner.lines;
    at = next < 0 ? bytes.length : next;
  }
}
