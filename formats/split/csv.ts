import { Problem } from "../../lib/errors.ts";
import { MOST_NAMES } from "../check/record-growth.ts";
import { isBlankRow } from "../csv/cells.ts";
import { type Dialect, plainDialect } from "../csv/dialect.ts";
import { envelopeOf, type Head, HeadReader } from "../csv/head.ts";
import { CsvScanner } from "../csv/scan.ts";
import type { SplitLimits } from "../formats.ts";
import { defaultDialect, defaultRead, type Read } from "../read/read.ts";
import { ByteStore } from "./bytes.ts";
import { RowSplitter } from "./rows.ts";

const LF = 10;
const CR = 13;
const TAB = 9;
const SPACE = 32;
const NBSP = 0xc2;
const BOM = [0xef, 0xbb, 0xbf] as const;

export interface CsvOptions {
  read?: Read;
  /** The delimiter that the request declares. It takes precedence over `read`, and over `sep=` in the file. */
  delimiter?: string;
  /** How the rows are written, whatever `read` says: rows of an earlier batch. */
  dialect?: Dialect;
  /** Whether the body has a header, as the request says. */
  hasHeader?: boolean;
  /** Looks at the names of the columns. Answers how many bytes names are written into each record. Throws wrong-columns. */
  checkColumns?: (names: readonly string[]) => number;
  /** Whether a field or a title has that name. */
  isField?: (name: string) => boolean;
}

const writtenBy = (dialect: Dialect, read: Read = defaultRead): Read => ({
  ...read,
  dialect: { ...defaultDialect, ...dialect },
});

/** Reads the header, then splits the rest. In its chunks each row ends with LF or CR LF, and no row is blank or a comment. */
export class CsvSplitter extends RowSplitter {
  declare protected scanner: CsvScanner;
  readonly #options: CsvOptions;
  readonly #commentChar: string | null;
  readonly #head: HeadReader;
  /** What was not read yet of the lines before the rows; null: the rows have begun. */
  #before: ByteStore | null = new ByteStore();
  /** Bytes that have to be there for the next look at it. */
  #wanted = 1;
  #dialect: Dialect = plainDialect;
  #delimiters = new Uint8Array(256);

  constructor(limits: SplitLimits, options: CsvOptions = {}) {
    super(limits, new CsvScanner(plainDialect), "");
    const { dialect, delimiter = dialect?.delimiter, hasHeader, isField = () => false } = options;
    const read = dialect === undefined ? (options.read ?? defaultRead) : writtenBy(dialect, options.read);
    const { quoteChar, escapeChar, commentChar } = read.dialect;
    if (delimiter !== undefined && [quoteChar, escapeChar, commentChar].includes(delimiter))
      throw new Problem(
        "unsupported-media-type",
        `The delimiter "${delimiter}" has another meaning in this dataset's read.dialect.`,
      );
    this.#options = options;
    this.#commentChar = read.dialect.commentChar;
    this.#head = new HeadReader({ read, delimiter, hasHeader, isField, maxRecordBytes: limits.maxRecordBytes });
    this.holdsCr = true;
    this.keepsBlanks = false;
  }

  protected override take(bytes: Buffer): void {
    if (this.#before === null) super.take(bytes);
    else {
      this.#before.append(bytes, 0, bytes.length);
      if (this.#before.length >= this.#wanted) this.#takeHead(this.#before, false);
    }
  }

  protected override finish(): void {
    if (this.#before !== null) this.#takeHead(this.#before, true);
    if (this.scanner.isQuoted)
      throw new Problem("malformed-body", "A quoted field never ends.", { line: this.chunks.line });
    super.finish();
  }

  #takeHead(before: ByteStore, isEnd: boolean): void {
    const { skipped } = this.#head;
    const { at, head } = this.#head.take(before.view(), isEnd);
    this.chunks.countBlank(this.#head.skipped - skipped);
    this.chunks.skipLines(this.#head.line - this.chunks.line);
    const rest = Buffer.from(before.view(at));
    if (head !== null) {
      this.#before = null;
      this.#begin(head);
      if (rest.length > 0) super.take(rest);
      return;
    }
    before.truncate(0);
    before.append(rest, 0, rest.length);
    this.#wanted = at > 0 ? 1 : 2 * rest.length;
  }

  #begin(head: Head): void {
    const written = this.#options.checkColumns?.(head.header) ?? 0;
    this.#dialect = head.dialect;
    this.#delimiters[head.dialect.delimiter.charCodeAt(0)] = 1;
    this.scanner = new CsvScanner(head.dialect, { isFile: true, commentChar: this.#commentChar });
    const special = [head.dialect.delimiter, this.#commentChar ?? head.dialect.delimiter];
    for (const byte of [TAB, LF, CR, SPACE, NBSP, BOM[0]]) this.oddStarts[byte] = 1;
    for (const char of special) this.oddStarts[char.charCodeAt(0)] = 1;
    this.oddStarts[head.dialect.quoteChar.charCodeAt(0)] = 2;
    this.chunks.keepGrowth(Math.max(head.bytes, written), MOST_NAMES);
    this.envelope = envelopeOf(head);
  }

  protected override isNoRecord(row: Buffer): boolean {
    const quote = this.#dialect.quoteChar.charCodeAt(0);
    return isBlankRow(row, 0, row.length, this.#delimiters, quote);
  }

  protected override get isComment(): boolean {
    return this.scanner.isComment;
  }

  /** Byte order marks before a row do not belong to it. */
  protected override uselessBytes(row: Buffer): number {
    let at = 0;
    while (row[at] === BOM[0] && row[at + 1] === BOM[1] && row[at + 2] === BOM[2]) at += BOM.length;
    return at;
  }

  /** Line ends become spaces, an open quote is closed: otherwise the next records would become part of this one. */
  protected override standIn(first: Buffer): Buffer {
    const row = first.map((byte) => (byte === LF || byte === CR ? SPACE : byte)) as Buffer;
    const scanner = new CsvScanner(this.#dialect);
    scanner.feed(row);
    scanner.next(0);
    if (!scanner.isQuoted) return row;
    const { quoteChar } = this.#dialect;
    return Buffer.concat([row, Buffer.from(scanner.isEscaped ? quoteChar + quoteChar : quoteChar)]);
  }
}
