/** Reads what comes before the rows of a sheet: a preamble, comments, blank rows and the header. */
import { cleanName, headerOf, joinedRows, malformedHeader } from "../csv/names.ts";
import type { Read } from "../read/read.ts";
import type { SheetRow } from "./sheet.ts";

/** The most columns of a sheet. */
const MOST_COLUMNS = 16_384;
/** Blanks, tabs and NBSP. */
const BLANK = /^[ \t\u00a0]*$/;

export const isBlankRow = ({ cells, isCut }: SheetRow): boolean =>
  !isCut && cells.every(({ kind, text }) => kind === "text" && BLANK.test(text));

export class SheetHead {
  /** The names of the columns. Null: the header has not come yet. */
  header: string[] | null = null;
  /** How many columns without a name follow. */
  nameless = 0;
  readonly #commentChar: string | null;
  readonly #headerRows: readonly number[] | null;
  readonly #rows: string[][] = [];
  #line = 1;

  /** `hasHeader`: as the request says; it takes precedence over `read`. Throws malformed-body if nothing names the columns. */
  constructor(read: Read, hasHeader = read.dialect.header) {
    this.#commentChar = read.dialect.commentChar;
    this.#headerRows = hasHeader ? read.dialect.headerRows : null;
    if (hasHeader) return;
    if (read.columns === null)
      throw malformedHeader("The file has no header, and read.columns does not name its columns.", 1);
    this.#take(read.columns.map(cleanName));
  }

  isComment({ columns, cells }: SheetRow): boolean {
    const [first] = cells;
    return (
      this.#commentChar !== null &&
      columns[0] === 0 &&
      first?.kind === "text" &&
      first.text.startsWith(this.#commentChar)
    );
  }

  /** Takes a row before the records. False: the row is a record. Throws malformed-body. */
  take(row: SheetRow): boolean {
    if (this.#headerRows === null) {
      if (isBlankRow(row) || this.isComment(row)) return true;
      this.#line = row.number;
    } else {
      this.#skipTo(row.number);
      if (this.#isComplete) {
        this.#finish();
        return false;
      }
      if (this.#next > row.number) return true;
    }
    if (row.isCut) throw malformedHeader("The header row is too long.", row.number);
    this.#rows.push(textsOf(row));
    if (this.#isComplete) this.#finish();
    return true;
  }

  /** Call it after the last row. Throws malformed-body if rows of the header are missing and no other row names a column. */
  end(): void {
    if (this.header !== null || this.#headerRows === null) return;
    this.#skipTo(Number.POSITIVE_INFINITY);
    this.#finish();
  }

  /** Adds the empty rows of the header, which are not in the file. */
  #skipTo(number: number): void {
    while (this.#next < number) this.#rows.push([]);
  }

  get #isComplete(): boolean {
    return this.#rows.length === (this.#headerRows?.length ?? 1);
  }

  #finish(): void {
    this.#line = this.#headerRows?.[0] ?? this.#line;
    this.#take(joinedRows(this.#rows).map(cleanName));
  }

  get #next(): number {
    return this.#headerRows?.[this.#rows.length] ?? Number.POSITIVE_INFINITY;
  }

  #take(names: string[]): void {
    const { header, nameless } = headerOf(names, MOST_COLUMNS, this.#line);
    this.header = header;
    this.nameless = nameless;
  }
}

/** The name in a cell of the header. A formula without a value gives none. */
function textsOf({ columns, cells }: SheetRow): string[] {
  const texts = Array<string>((columns.at(-1) ?? -1) + 1).fill("");
  for (const [i, { text }] of cells.entries()) texts[columns[i] as number] = text;
  return texts;
}
