/** Finds the rows of CSV in bytes, piece by piece. */
import type { RowScanner } from "../split/rows.ts";
import type { Dialect } from "./dialect.ts";
import { after, COMMENT, ESCAPED, PLAIN, QUOTED, ROW_END, ROW_START, type Tokens, tokensOf } from "./tokens.ts";

const LF = 10;
const BOM = Buffer.from("\ufeff");
const CR = 13;

/** The length of the line end at `at`, which must be a CR or LF: LF, CR, CR LF or CR CR LF. */
export function lineEndLength(bytes: Buffer, at: number): number {
  if (bytes[at] === LF) return 1;
  if (bytes[at + 1] === LF) return 2;
  return bytes[at + 1] === CR && bytes[at + 2] === LF ? 3 : 1;
}

/** Whether the CR or LF at `at` is the last of its line end. */
const endsLine = (bytes: Buffer, at: number): boolean => lineEndLength(bytes, at) === 1;

/** Finds the ends of rows. Only the last piece may end with a CR, because the next byte decides where the line ends. */
export class CsvScanner implements RowScanner {
  lines = 0;
  contentEnd = 0;
  readonly #tokens: Tokens;
  /** First bytes of rows that must be read byte by byte. */
  readonly #walks = new Uint8Array(256);
  readonly #isFile: boolean;
  readonly #quoteChar: number;
  #bytes: Buffer = Buffer.alloc(0);
  #state = ROW_END;
  /** The next quote and CR in the piece. Rows without one are skipped at once. */
  #quote = 0;
  #cr = 0;
  #isComment = false;

  /** `isFile`: the bytes are a file as it was sent, not a chunk. */
  constructor(dialect: Dialect, { isFile = false, commentChar = null as string | null } = {}) {
    this.#tokens = tokensOf(dialect, { isFile, commentChar });
    this.#isFile = isFile;
    this.#quoteChar = dialect.quoteChar.charCodeAt(0);
    for (let byte = 0; byte < 256; byte++) if (after(this.#tokens, ROW_START, byte) > PLAIN) this.#walks[byte] = 1;
  }

  /** Whether the bytes so far end inside a quoted cell. */
  get isQuoted(): boolean {
    return this.#state === QUOTED || this.#state === ESCAPED;
  }

  /** Whether the bytes so far end after an escape character. */
  get isEscaped(): boolean {
    return this.#state === ESCAPED;
  }

  /** Whether the last row, or the row that has begun, is a comment. */
  get isComment(): boolean {
    return this.#isComment || this.#state === COMMENT;
  }

  feed(bytes: Buffer): void {
    this.#bytes = bytes;
    this.#quote = -1;
    this.#cr = this.#isFile ? -1 : bytes.length;
  }

  next(from: number): number {
    if (this.#state === ROW_END) {
      this.#state = ROW_START;
      this.lines = 0;
      this.#isComment = false;
    }
    const isWalk = this.#state > PLAIN || (this.#state === ROW_START && this.#walks[this.#bytes[from] as number] === 1);
    return isWalk ? this.#walk(from) : this.#leap(from);
  }

  #leap(from: number): number {
    if (this.#quote < from) this.#quote = this.#find(this.#quoteChar, from);
    if (this.#cr < from) this.#cr = this.#find(CR, from);
    const lf = this.#find(LF, from);
    const end = Math.min(lf, this.#cr);
    if (end >= this.#quote || end === this.#bytes.length) return this.#walk(from);
    this.lines++;
    this.#state = ROW_END;
    return this.#endAt(end);
  }

  #find(byte: number, from: number): number {
    const found = this.#bytes.indexOf(byte, from);
    return found < 0 ? this.#bytes.length : found;
  }

  /** The position after the line end that begins at `at`. In a chunk, a CR before the LF belongs to the line end too. */
  #endAt(at: number): number {
    if (this.#isFile) {
      this.contentEnd = at;
      return at + lineEndLength(this.#bytes, at);
    }
    this.contentEnd = at > 0 && this.#bytes[at - 1] === CR ? at - 1 : at;
    return at + 1;
  }

  #walk(from: number): number {
    const bytes = this.#bytes;
    const tokens = this.#tokens;
    let state = this.#state;
    for (let i = from; i < bytes.length; i++) {
      const byte = bytes[i] as number;
      const next = tokens[(state << 8) | byte] as number;
      // Only a line end needs more work.
      if (byte > CR) state = next;
      else if (next === ROW_END) {
        this.#isComment = state === COMMENT;
        this.#state = ROW_END;
        this.lines++;
        return this.#endAt(i);
      } else {
        state = next;
        if (byte === LF || (byte === CR && endsLine(bytes, i))) this.lines++;
      }
    }
    this.#state = state;
    return -1;
  }
}

export interface CsvPlace {
  start: number;
  end: number;
  line: number;
}

/** The records of a chunk, each without its line end. `line` counts from 0. Blank lines are not records. */
export function csvRecordStarts(data: Buffer, dialect: Dialect): CsvPlace[] {
  const scanner = new CsvScanner(dialect);
  const records: CsvPlace[] = [];
  scanner.feed(data);
  let line = 0;
  for (let start = 0; start < data.length; ) {
    const next = scanner.next(start);
    const stop = next < 0 ? data.length : scanner.contentEnd;
    const end = next < 0 && stop > start && data[stop - 1] === CR ? stop - 1 : stop;
    if (end > start) records.push({ start, end, line });
    line += scanner.lines;
    start = next < 0 ? data.length : next;
  }
  return records;
}

/** The position after any BOMs. */
export function behindBoms(bytes: Buffer, from: number): number {
  let at = from;
  while (bytes[at] === BOM[0] && bytes[at + 1] === BOM[1] && bytes[at + 2] === BOM[2]) at += BOM.length;
  return at;
}

/** The position of the CR or LF that ends the line, or the end of the bytes. */
export function lineEnd(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] !== LF && bytes[at] !== CR) at++;
  return at;
}
