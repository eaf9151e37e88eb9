import type { SplitLimits } from "../formats.ts";
import { BodySplitter } from "./body.ts";

const LF = 10;
const CR = 13;
const SPACE = 32;

/** Finds where rows end; keeps its state from one piece to the next. */
export interface RowScanner {
  /** The piece to look at from now on. */
  feed(bytes: Buffer): void;
  /** `from`: where the last row ended, or 0. Answers the place after the row's line end; -1 if the piece ends before it. */
  next(from: number): number;
  /** The end of the found row, without its line end. */
  readonly contentEnd: number;
  /** Physical lines of the row just found, or begun. */
  readonly lines: number;
}

interface BlankLines {
  /** Bytes of which such a line may consist, beside the CR of its line end. */
  blanks: Uint8Array;
  /** Bytes that a line may have. */
  longest: number;
  /** The run ends with the first line that reaches this place. */
  full: number;
}

/** The blank lines that begin at `from`: their number, and where they end. */
export function blankRun(bytes: Buffer, from: number, { blanks, longest, full }: BlankLines) {
  let end = from;
  let lines = 0;
  for (let i = from; i < bytes.length && end < full && i - end <= longest; i++) {
    const byte = bytes[i] as number;
    if (byte === LF) {
      lines++;
      end = i + 1;
    } else if (blanks[byte] === 0 && !(byte === CR && bytes[i + 1] === LF)) break;
  }
  return { end, lines };
}

/** Splits formats with rows. Plain rows are copied many at once; unusual rows are read one by one. */
export abstract class RowSplitter extends BodySplitter {
  protected scanner: RowScanner;
  /** First bytes of rows that need a look: 1 always, 2 where the second byte does, too. */
  protected readonly oddStarts = new Uint8Array(256);
  /** Whether blank lines stay in chunks as they were sent; else they are empty there. */
  protected keepsBlanks = true;
  readonly #blanks = new Uint8Array(256);
  #onlyBlanks = true;
  /** Whole rows of the piece in hand that are not yet copied: where they begin, how many, their lines. */
  #from = 0;
  #rows = 0;
  #lines = 0;

  /** `blanks`: bytes of which a blank line may consist, beside the CR of its line end. */
  constructor(limits: SplitLimits, scanner: RowScanner, blanks: string) {
    super(limits, true);
    this.scanner = scanner;
    for (const blank of blanks) this.#blanks[blank.charCodeAt(0)] = 1;
  }

  /** The text that replaces a record that is too long, made of its first bytes. The parser must take it for exactly one row. */
  protected abstract standIn(first: Buffer): Buffer;

  /** Whether a row without its line end is no record. */
  protected isNoRecord(_row: Buffer): boolean {
    return false;
  }

  /** Whether the found row is a comment, which is no row, however long it is. */
  protected get isComment(): boolean {
    return false;
  }

  /** How many bytes before a row do not belong to it. */
  protected uselessBytes(_row: Buffer): number {
    return 0;
  }

  protected override take(bytes: Buffer): void {
    const { chunkBytes, maxRecordBytes } = this.chunks.limits;
    this.scanner.feed(bytes);
    this.#from = 0;
    let row = this.chunks.recordBytes === 0 ? this.#skipBlank(bytes, 0) : 0;
    let room = this.chunks.room;
    for (let end = this.scanner.next(row); end >= 0; end = this.scanner.next(row)) {
      const content = this.scanner.contentEnd;
      const isWhole = content - row <= maxRecordBytes && this.chunks.recordBytes === 0;
      if (isWhole && bytes[end - 1] === LF && end - content <= 2 && this.#isPlain(bytes, row, content)) {
        this.#rows++;
        this.#lines += this.scanner.lines;
      } else {
        this.#copyRows(bytes, row);
        // The CR of a CR LF stays, as it does where rows are copied: chunks are the same in whatever pieces a body comes.
        this.#keep(bytes, row, end - content === 2 ? content + 1 : content);
        this.#endRow(this.scanner.lines);
        this.#from = end;
        room = this.chunks.room;
      }
      row = end;
      if (this.#rows >= room || this.chunks.length + row - this.#from >= chunkBytes) {
        this.#copyRows(bytes, row);
        room = this.chunks.room;
      }
      if ((bytes[row] as number) > SPACE) continue;
      row = this.#skipBlank(bytes, row);
      room = this.chunks.room;
    }
    this.#copyRows(bytes, row);
    this.#keep(bytes, row, bytes.length);
  }

  /** The last line may lack its LF. */
  protected override finish(): void {
    if (this.chunks.recordBytes > 0) this.#endRow(Math.max(1, this.scanner.lines));
  }

  /**
   * The place behind the blank lines that begin at `from`. They stay with the rows before them, so that lines count; before
   * the first row of a chunk they go.
   */
  #skipBlank(bytes: Buffer, from: number): number {
    const { chunkBytes, maxRecordBytes } = this.chunks.limits;
    for (let at = from; ; ) {
      const isKept = this.#rows > 0 || !this.chunks.isEmpty;
      const full = isKept ? this.#from + chunkBytes - this.chunks.length : bytes.length;
      const { end, lines } = blankRun(bytes, at, { blanks: this.#blanks, longest: maxRecordBytes, full });
      if (lines === 0) return at;
      this.chunks.countBlank(lines);
      if (isKept) {
        this.#lines += lines;
      } else {
        this.chunks.skipLines(lines);
        this.#from = end;
      }
      if (end < full) return end;
      this.#copyRows(bytes, end);
      at = end;
    }
  }

  /** Whether the row can be copied unchanged. */
  #isPlain(bytes: Buffer, row: number, content: number): boolean {
    const odd = this.oddStarts[bytes[row] as number];
    if (odd === 0 || (odd === 2 && this.oddStarts[bytes[row + 1] as number] === 0)) return true;
    const text = bytes.subarray(row, content);
    return !this.isComment && this.uselessBytes(text) === 0 && !this.isNoRecord(text);
  }

  #copyRows(bytes: Buffer, to: number): void {
    if (this.#lines > 0) this.chunks.add(bytes, this.#from, to, this.#rows, this.#lines);
    this.#from = to;
    this.#rows = 0;
    this.#lines = 0;
  }

  #keep(bytes: Buffer, from: number, to: number): void {
    for (let i = from; this.#onlyBlanks && i < to; i++) {
      this.#onlyBlanks = this.#blanks[bytes[i] as number] === 1;
    }
    this.chunks.keep(bytes, from, to);
  }

  #endRow(lines: number): void {
    const { chunks } = this;
    const { maxRecordBytes } = chunks.limits;
    chunks.dropFirst(this.uselessBytes(chunks.firstBytes));
    const length = chunks.recordBytes - (chunks.lastByte === CR ? 1 : 0);
    const isNone = length === 0 || this.#onlyBlanks || this.isComment;
    if (isNone || (length <= maxRecordBytes && this.isNoRecord(chunks.unfinished.subarray(0, length))))
      chunks.endBlank(this.keepsBlanks);
    else if (length > maxRecordBytes) chunks.endOversized(this.standIn(chunks.firstBytes), lines);
    else chunks.endRecord(lines);
    this.#onlyBlanks = true;
  }
}
