/** Reads what comes before the rows of a file: a preamble, `sep=`, comments, blank lines and the header. */
import type { Problem } from "../../lib/errors.ts";
import type { Envelope } from "../formats.ts";
import type { Read } from "../read/read.ts";
import { CellReader, csvLine, isBlankRow } from "./cells.ts";
import { type Dialect, delimiterOf, SNIFFED } from "./dialect.ts";
import { cleanName, headerOf, joinedRows, malformedHeader } from "./names.ts";
import { behindBoms, CsvScanner, lineEnd, lineEndLength } from "./scan.ts";
import { sniffDelimiter } from "./sniff.ts";

/** Bounds of a header. It is stored with its batch and read with each chunk, and its names are used with each record. */
const MOST_COLUMNS = 10_000;
export const LONGEST_HEADER = 1024 * 1024;
/** How many bytes are read to find the delimiter. If the header is longer, twice as many, and so on. */
const SAMPLE_BYTES = 64 * 1024;

const SEP = /^(?:"sep=(.)"|sep=(.))/i;
/** Some programs fill the line up, as they do with each row: with one delimiter for each column. */
const LONGEST_SEP = 16 + MOST_COLUMNS;

export interface HeadOptions {
  read: Read;
  /** The delimiter that the request names. It takes precedence over everything else. */
  delimiter?: string;
  /** Whether the file has a header, as the request says. */
  hasHeader?: boolean;
  maxRecordBytes: number;
  /** Whether a field, or the title of one, has this name. */
  isField(name: string): boolean;
}

export interface Head {
  dialect: Dialect;
  header: string[];
  nameless: number;
  /** The length of the header row in bytes. */
  bytes: number;
  /** The header row as it came. Null: there is none, or it has several rows. */
  text: string | null;
}

const bytesOf = (chars: readonly string[]): Uint8Array => {
  const table = new Uint8Array(256);
  for (const char of chars) table[char.charCodeAt(0)] = 1;
  return table;
};

/** Reads the lines at the beginning of a file until the rows begin. */
export class HeadReader {
  /** The number of the line at which the rest begins. */
  line = 1;
  /** How many lines were skipped. */
  skipped = 0;
  readonly #options: HeadOptions;
  readonly #commentChar: string | null;
  readonly #hasHeader: boolean;
  readonly #headerRows: readonly number[] | null;
  #delimiter: string | undefined;
  #mayBeSep = true;
  #rows: string[][] = [];
  #text = "";
  #headerLine: number | undefined;
  #bytes = 0;

  constructor(options: HeadOptions) {
    const { dialect } = options.read;
    this.#options = options;
    this.#delimiter = options.delimiter;
    this.#commentChar = dialect.commentChar;
    this.#hasHeader = options.hasHeader ?? dialect.header;
    this.#headerRows = this.#hasHeader ? dialect.headerRows : null;
  }

  /**
   * Reads from `bytes`, which begin where the last call stopped. `at`: how many bytes it took. `head`: null if more bytes are
   * needed. Throws malformed-body.
   */
  take(bytes: Buffer, isEnd: boolean): { at: number; head: Head | null } {
    let at = 0;
    for (;;) {
      const skipped = this.#skippedLine(bytes, at, isEnd);
      if (skipped < 0) return { at, head: null };
      if (skipped > 0) {
        at += skipped;
        continue;
      }
      if (at >= bytes.length) return { at, head: null };
      const read = this.#read(bytes.subarray(at), isEnd);
      if (read === null) return { at, head: null };
      at += read;
      if (this.#isComplete) return { at, head: this.#head() };
    }
  }

  get #isComplete(): boolean {
    return !this.#hasHeader || this.#rows.length === (this.#headerRows?.length ?? 1);
  }

  /** The length of the line at `at` if it comes before the header. 0: it is the header. −1: its end has not come yet. */
  #skippedLine(bytes: Buffer, at: number, isEnd: boolean): number {
    const start = behindBoms(bytes, at);
    if (start >= bytes.length) return this.#endOfFile(isEnd) ?? (start > at ? start - at : -1);
    const end = lineEnd(bytes, start);
    const isWhole = end < bytes.length || isEnd;
    if (this.#mayBeSep && end - start <= LONGEST_SEP) {
      if (!isWhole) return -1;
      if (this.#isSep(bytes.toString("latin1", start, end))) return this.#skip(bytes, at, end);
    }
    const isSkipped = this.#headerRows === null ? this.#isNoRow(bytes, start, end) : this.line < this.#nextHeaderRow;
    if (this.#headerRows !== null || !isSkipped) this.#mayBeSep = false;
    if (!isSkipped) return 0;
    return isWhole ? this.#skip(bytes, at, end) : -1;
  }

  get #nextHeaderRow(): number {
    return this.#headerRows?.[this.#rows.length] ?? 0;
  }

  /** Throws if the file ends before its declared header row. Otherwise there is nothing to read yet. */
  #endOfFile(isEnd: boolean): null {
    if (isEnd && this.line > 1 && this.line <= this.#nextHeaderRow)
      throw this.#malformed(`The header should be on line ${this.#nextHeaderRow}, and the file ends before.`);
    return null;
  }

  /** Skips a comment or a blank line. Lines of a preamble are skipped without parsing, because their quotes mean nothing. */
  #isNoRow(bytes: Buffer, start: number, end: number): boolean {
    if (this.#commentChar !== null && bytes[start] === this.#commentChar.charCodeAt(0)) return true;
    return isBlankRow(bytes, start, end, this.#separators(), this.#quote);
  }

  #skip(bytes: Buffer, at: number, end: number): number {
    if (end < bytes.length) this.line++;
    this.skipped++;
    return (end < bytes.length ? end + lineEndLength(bytes, end) : end) - at;
  }

  #isSep(line: string): boolean {
    const [start = "", quoted, bare] = SEP.exec(line) ?? [];
    const delimiter = delimiterOf(quoted ?? bare ?? "");
    if (delimiter === null) return false;
    // No part of the regular expression: beside a tab as delimiter it would try each tab in two ways.
    for (const char of line.slice(start.length)) if (!" \t".includes(char) && char !== delimiter) return false;
    this.#mayBeSep = false;
    this.#delimiter ??= delimiter;
    return true;
  }

  get #quote(): number {
    return this.#options.read.dialect.quoteChar.charCodeAt(0);
  }

  #separators(): Uint8Array {
    const delimiter = this.#delimiter ?? this.#options.read.dialect.delimiter;
    return bytesOf(delimiter === null ? SNIFFED : [delimiter]);
  }

  /** Reads a row of the header, or finds that there is none. Returns its length in bytes. Null: the row is not complete yet. */
  #read(bytes: Buffer, isEnd: boolean): number | null {
    const delimiter = this.#delimiter ?? this.#options.read.dialect.delimiter ?? this.#sniffed(bytes, isEnd);
    if (delimiter === null) return null;
    this.#delimiter = delimiter;
    if (!this.#hasHeader) return 0;
    this.#headerLine ??= this.line;
    const scanner = new CsvScanner(this.#dialect, { isFile: true });
    scanner.feed(bytes);
    const next = scanner.next(0);
    const end = next < 0 ? bytes.length : scanner.contentEnd;
    this.#checkLength(end);
    if (next < 0 && !isEnd) return null;
    if (next < 0 && scanner.isQuoted) throw this.#malformed("A quoted field never ends.");
    const row = bytes.subarray(behindBoms(bytes, 0), end);
    this.#text = this.#decoded(row);
    this.#rows.push(new CellReader(this.#dialect).cells(this.#text));
    this.#bytes += row.length;
    this.line += scanner.lines;
    return next < 0 ? bytes.length : next;
  }

  get #dialect(): Dialect {
    const { quoteChar, escapeChar, skipInitialSpace } = this.#options.read.dialect;
    return { delimiter: this.#delimiter as string, quoteChar, escapeChar, skipInitialSpace };
  }

  /** Waits for a fixed part of the file, so that the result does not depend on the pieces in which the file comes. */
  #sniffed(bytes: Buffer, isEnd: boolean): string | null {
    const { read, isField } = this.#options;
    const columns = this.#hasHeader ? null : (read.columns?.length ?? 1);
    const looked = (sample: Buffer, isWhole: boolean) =>
      sniffDelimiter(read.dialect, {
        bytes: sample,
        isWhole,
        headerLines: this.#headerRows?.map((row) => row - this.line) ?? [0],
        columns,
        commentChar: this.#commentChar,
        isField,
      });
    for (let size = SAMPLE_BYTES; size <= bytes.length; size *= 2) {
      const found = looked(bytes.subarray(0, size), false);
      if (found !== null) return found;
      this.#checkLength(size);
    }
    return isEnd ? looked(bytes, true) : null;
  }

  #checkLength(bytes: number): void {
    if (this.#hasHeader && bytes > Math.min(this.#options.maxRecordBytes, LONGEST_HEADER))
      throw this.#malformed("The header row is too long.");
  }

  #decoded(row: Buffer): string {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(row);
    } catch {
      throw this.#malformed("The header row holds bytes that its encoding does not have.");
    }
  }

  #head(): Head {
    const found = this.#hasHeader ? joinedRows(this.#rows).map(cleanName) : this.#declared();
    const names = headerOf(found, MOST_COLUMNS, this.#headerLine ?? this.line);
    const text = this.#rows.length === 1 ? this.#text : null;
    return { dialect: this.#dialect, ...names, bytes: this.#bytes, text };
  }

  #declared(): string[] {
    const { columns } = this.#options.read;
    if (columns === null) throw this.#malformed("The file has no header, and read.columns does not name its columns.");
    return columns.map(cleanName);
  }

  #malformed(detail: string): Problem {
    return malformedHeader(detail, this.#headerLine ?? this.line);
  }
}

/** The envelope, with which each chunk can be read alone. It has only those members of the dialect that differ from RFC 4180. */
export const envelopeOf = ({ dialect, header, nameless, text }: Head): Envelope => ({
  charset: "utf-8",
  delimiter: dialect.delimiter,
  ...(dialect.quoteChar !== '"' && { quoteChar: dialect.quoteChar }),
  ...(dialect.escapeChar !== null && { escapeChar: dialect.escapeChar }),
  ...(dialect.skipInitialSpace && { skipInitialSpace: true }),
  header,
  ...(text !== null && text !== csvLine(header, dialect) && { headerText: text }),
  ...(nameless > 0 && { nameless }),
  isMapped: true,
});
