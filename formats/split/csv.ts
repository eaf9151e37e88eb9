import { Problem } from "../../lib/errors.ts";
import { CsvScanner, csvCells, headerScanner, sniffDelimiter } from "../check/csv-scan.ts";
import { MOST_NAMES } from "../check/record-growth.ts";
import type { Charset, SplitLimits } from "../formats.ts";
import { ByteStore } from "./bytes.ts";
import { blankRun, RowSplitter } from "./rows.ts";

const LF = 10;
const CR = 13;
const SPACE = 32;
const QUOTE = Buffer.from('"');
/** Before the header too, a blank line of CSV is empty. */
const NO_BLANKS = new Uint8Array(256);

/** The header is kept with its batch and read with each chunk, its names with each record. */
const MOST_COLUMNS = 10_000;
const LONGEST_NAME = 1000;
const LONGEST_HEADER = 1024 * 1024;

/** Reads the header row, then splits the rest. */
export class CsvSplitter extends RowSplitter {
  declare protected scanner: CsvScanner;
  /** The header row so far; null once it is read. */
  #head: ByteStore | null = new ByteStore();
  readonly #charset: Charset;
  #delimiter: string | undefined;

  constructor(limits: SplitLimits, charset: Charset = "utf-8", delimiter?: string) {
    super(limits, delimiter === undefined ? headerScanner() : new CsvScanner(delimiter), "");
    this.#charset = charset;
    this.#delimiter = delimiter;
  }

  protected override take(bytes: Buffer): void {
    const rest = this.#head === null ? bytes : this.#takeHeader(bytes, this.#head);
    if (rest.length > 0) super.take(rest);
  }

  protected override finish(): void {
    if (this.scanner.isQuoted) throw this.#malformed("A quoted field never ends.");
    if (this.#head !== null && rowLength(this.#head) > 0) this.#readHeader(this.#head);
    super.finish();
  }

  /** LF becomes a space, an open quote is closed: otherwise the next records would become part of this one. */
  protected override standIn(first: Buffer): Buffer {
    const row = first.map((byte) => (byte === LF ? SPACE : byte)) as Buffer;
    const scanner = new CsvScanner(this.#delimiter as string);
    scanner.feed(row);
    scanner.next(0);
    return scanner.isQuoted ? Buffer.concat([row, QUOTE]) : row;
  }

  /** Returns what follows the header row. */
  #takeHeader(bytes: Buffer, head: ByteStore): Buffer {
    this.scanner.feed(bytes);
    for (let from = 0; ; ) {
      if (head.length === 0) from = this.#skipLines(bytes, from);
      const next = this.scanner.next(from);
      head.append(bytes, from, next < 0 ? bytes.length : next - 1);
      if (rowLength(head) > Math.min(this.chunks.limits.maxRecordBytes, LONGEST_HEADER))
        throw this.#malformed("The header row is too long.");
      if (next < 0) return bytes.subarray(bytes.length);
      const isBlank = rowLength(head) === 0;
      if (isBlank) this.chunks.countBlank(1);
      else this.#readHeader(head);
      this.chunks.skipLines(this.scanner.lines);
      if (!isBlank) return this.#beginRows(bytes.subarray(next));
      head.truncate(0);
      from = next;
    }
  }

  /** The place behind the blank lines that begin at `from`, before the header. */
  #skipLines(bytes: Buffer, from: number): number {
    const { end, lines } = blankRun(bytes, from, { blanks: NO_BLANKS, longest: 1, full: bytes.length });
    this.chunks.countBlank(lines);
    this.chunks.skipLines(lines);
    return end;
  }

  #beginRows(rest: Buffer): Buffer {
    this.#head = null;
    this.scanner = new CsvScanner(this.#delimiter as string);
    return rest;
  }

  #readHeader(head: ByteStore): void {
    const row = head.view().subarray(0, rowLength(head));
    this.#delimiter ??= sniffDelimiter(row);
    const header = csvCells(this.#decode(row), this.#delimiter);
    if (header.length > MOST_COLUMNS) throw this.#malformed(`The header has more than ${MOST_COLUMNS} columns.`);
    if (header.includes("")) throw this.#malformed("A column of the header has no name.");
    if (header.some((name) => name.length > LONGEST_NAME))
      throw this.#malformed(`The name of a column is longer than ${LONGEST_NAME} characters.`);
    const seen = new Set<string>();
    const twice = header.find((name) => seen.size === seen.add(name).size);
    if (twice !== undefined) throw this.#malformed(`The header names the column "${twice.slice(0, 100)}" twice.`);
    this.chunks.keepGrowth(row.length, MOST_NAMES);
    this.envelope = { charset: this.#charset, delimiter: this.#delimiter, header };
  }

  #decode(row: Buffer): string {
    try {
      return new TextDecoder(this.#charset, { fatal: true, ignoreBOM: true }).decode(row);
    } catch {
      throw this.#malformed(`The header row is not ${this.#charset}.`);
    }
  }

  #malformed(detail: string): Problem {
    return new Problem("malformed-body", detail, { line: this.chunks.line });
  }
}

function rowLength(row: ByteStore): number {
  return row.length - (row.length > 0 && row.view(row.length - 1)[0] === CR ? 1 : 0);
}
