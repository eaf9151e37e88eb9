/** Rows of CSV as lines of JSON, straight from their bytes: no cell becomes a string of its own on the way. */
import { CsvScanner } from "./csv-scan.ts";
import { plainNumberEnd } from "./plain-number.ts";
import { RecordNumbers } from "./record-numbers.ts";
import { type CellKinds, converted } from "./text-conversion.ts";

const LF = 10;
const CR = 13;
const QUOTE = 34;
const BACKSLASH = 92;
const OPENING_BRACE = 123;
const CLOSING_BRACE = 125;

/** What a byte is in a cell: text as it stands, text that JSON escapes, or no part of it. */
const PLAIN = 0;
const ESCAPED = 1;
const END = 2;
/** Of a cell in quotes: each quote in it stands for itself and the one behind it. */
const DOUBLED = 2;

const inText = new Uint8Array(256).map((_, byte) =>
  byte < 32 || byte === QUOTE || byte === BACKSLASH ? ESCAPED : PLAIN,
);

/** The bytes that JSON writes for those that it escapes. */
const escapes = Array.from({ length: BACKSLASH + 1 }, (_, byte) =>
  Buffer.from(JSON.stringify(String.fromCharCode(byte)).slice(1, -1)),
);
const LONGEST_ESCAPE = 6;

/** Bytes that are read, or written, in one go: few enough to stay in the processor's cache, and to leave other work its turns. */
const AT_ONCE = 16 * 1024;
/** Up to it a loop is quicker than a call. */
const FEW_BYTES = 24;

export interface Column {
  name: string;
  /** What its cells become; null: they stay text. */
  kinds: CellKinds | null;
}

/**
 * Writes each row as the JSON text of its record: the cells that are not empty, as numbers and booleans where the column's
 * kinds say so. An empty line stands for a row that has to be read another way: the number of its cells is wrong, a quote is
 * out of place, or a number is none that a double holds.
 */
export class JsonRows {
  readonly #data: Buffer;
  readonly #kindsOfCells: (CellKinds | null)[];
  readonly #names: Buffer[];
  readonly #ofByte = inText.slice();
  readonly #scanner: CsvScanner;
  /** Of the cell at hand. */
  readonly #numbers = new RecordNumbers();
  #at = 0;
  /** The line end that was looked up last. */
  #lf = -1;
  #out = Buffer.allocUnsafeSlow(2 * AT_ONCE);
  #length = 0;

  /** `data` is valid UTF-8. */
  constructor(data: Buffer, columns: readonly Column[], delimiter: string) {
    this.#data = data;
    this.#names = columns.map(({ name }) => Buffer.from(`,${JSON.stringify(name)}:`));
    this.#kindsOfCells = columns.map(({ kinds }) => kinds);
    this.#ofByte[LF] = END;
    this.#ofByte[delimiter.charCodeAt(0)] = END;
    this.#scanner = new CsvScanner(delimiter);
    this.#scanner.feed(data);
  }

  /** Lines for the next rows, of which there is one at least, good until the next call; null behind the last one. Blank lines are no rows. */
  next(): Buffer | null {
    const until = this.#at + AT_ONCE;
    let rows = 0;
    this.#length = 0;
    for (this.#skipBlank(); this.#at < this.#data.length; this.#skipBlank()) {
      if (this.#length >= AT_ONCE || this.#at >= until) break;
      if (rows++ > 0) this.#push(LF);
      const { start, at } = { start: this.#length, at: this.#at };
      if (this.#row()) continue;
      this.#length = start;
      const next = this.#scanner.next(at);
      this.#at = next < 0 ? this.#data.length : next;
    }
    return rows === 0 ? null : this.#out.subarray(0, this.#length);
  }

  #skipBlank(): void {
    const data = this.#data;
    for (let at = this.#at; ; this.#at = ++at) {
      if (data[at] === CR && (at + 1 === data.length || data[at + 1] === LF)) at++;
      else if (data[at] !== LF) return;
    }
  }

  /** Whether it could write the row; then it stands behind it. */
  #row(): boolean {
    const data = this.#data;
    const start = this.#length;
    const last = this.#names.length - 1;
    for (let column = 0; column <= last; column++) {
      if (!this.#plainText(column) && !this.#cell(column)) return false;
      const isLast = this.#at >= data.length || data[this.#at] === LF;
      if (isLast !== (column === last)) return false;
      this.#at++;
    }
    if (this.#length === start) this.#push(OPENING_BRACE);
    // The first cell, whichever it is, has a comma before it.
    this.#out[start] = OPENING_BRACE;
    this.#push(CLOSING_BRACE);
    return true;
  }

  /** Writes a text that needs no second look, while it is read; false: the cell is another one. Most cells are such texts. */
  #plainText(column: number): boolean {
    if (this.#kindsOfCells[column] !== null) return false;
    const data = this.#data;
    const ofByte = this.#ofByte;
    const name = this.#names[column] as Buffer;
    const size = data.length;
    let at = this.#at;
    this.#reserve(name.length + 2 + this.#lineEnd(at) - at);
    const out = this.#out;
    let length = this.#length;
    out.set(name, length);
    length += name.length;
    out[length++] = QUOTE;
    for (; at < size; at++) {
      const byte = data[at] as number;
      if (ofByte[byte] !== PLAIN) break;
      out[length++] = byte;
    }
    if (at === this.#at || (at < size && ofByte[data[at] as number] === ESCAPED)) return false;
    out[length++] = QUOTE;
    this.#length = length;
    this.#at = at;
    return true;
  }

  /** Where the line that `at` is on ends. */
  #lineEnd(at: number): number {
    if (at > this.#lf) {
      const found = this.#data.indexOf(LF, at);
      this.#lf = found < 0 ? this.#data.length : found;
    }
    return this.#lf;
  }

  /** Reads any cell, and writes it; then it stands at the byte that ends it. */
  #cell(column: number): boolean {
    return this.#data[this.#at] === QUOTE ? this.#quotedCell(column) : this.#plainCell(column);
  }

  #plainCell(column: number): boolean {
    const data = this.#data;
    const ofByte = this.#ofByte;
    const from = this.#at;
    let at = from;
    let found = PLAIN;
    for (; at < data.length; at++) {
      const kind = ofByte[data[at] as number] as number;
      if (kind === END) break;
      found |= kind;
    }
    this.#at = at;
    const isRowEnd = at === data.length || data[at] === LF;
    const to = isRowEnd && at > from && data[at - 1] === CR ? at - 1 : at;
    return to === from || this.#write(column, from, to, found);
  }

  #quotedCell(column: number): boolean {
    const data = this.#data;
    const from = this.#at + 1;
    let at = from;
    let found = PLAIN;
    for (; ; at++) {
      if (at >= data.length) return false;
      const byte = data[at] as number;
      if (byte !== QUOTE) found |= inText[byte] as number;
      else if (data[at + 1] !== QUOTE) break;
      else {
        found |= DOUBLED;
        at++;
      }
    }
    this.#at = this.#behindQuote(at + 1);
    const isEnd = this.#at >= data.length || this.#ofByte[data[this.#at] as number] === END;
    return isEnd && (at === from || this.#write(column, from, at, found));
  }

  /** The CR of a line end belongs to it. */
  #behindQuote(at: number): number {
    const data = this.#data;
    return data[at] === CR && (at + 1 === data.length || data[at + 1] === LF) ? at + 1 : at;
  }

  #write(column: number, from: number, to: number, found: number): boolean {
    const name = this.#names[column] as Buffer;
    const kinds = this.#kindsOfCells[column] as CellKinds | null;
    this.#reserve(name.length + (found === PLAIN ? 1 : LONGEST_ESCAPE) * (to - from) + 3);
    this.#copy(name, 0, name.length);
    if (kinds !== null) return (kinds.number && this.#number(from, to)) || this.#converted(from, to, found, kinds);
    this.#out[this.#length++] = QUOTE;
    if (found === PLAIN) this.#copy(this.#data, from, to);
    else this.#escaped(from, to, found);
    this.#out[this.#length++] = QUOTE;
    return true;
  }

  #escaped(from: number, to: number, found: number): void {
    const data = this.#data;
    for (let at = from; at < to; at++) {
      const byte = data[at] as number;
      if (inText[byte] === PLAIN) this.#out[this.#length++] = byte;
      else for (const escaped of escapes[byte] as Buffer) this.#out[this.#length++] = escaped;
      if (byte === QUOTE && (found & DOUBLED) !== 0) at++;
    }
  }

  /** Whether the number could be written as it stands. */
  #number(from: number, to: number): boolean {
    const end = plainNumberEnd(this.#data, from, to);
    if (end < 0) return false;
    this.#copy(this.#data, from, end);
    return true;
  }

  /** Any other number, a boolean, or a text that the schema will refuse. */
  #converted(from: number, to: number, found: number, kinds: CellKinds): boolean {
    const cell = this.#data.toString("utf8", from, to);
    const value = converted((found & DOUBLED) === 0 ? cell : cell.replaceAll('""', '"'), kinds, this.#numbers);
    const isHeld = this.#numbers.size === 0;
    this.#numbers.clear();
    if (!isHeld) return false;
    const json = JSON.stringify(value);
    this.#reserve(3 * json.length);
    this.#length += this.#out.write(json, this.#length);
    return true;
  }

  #copy(bytes: Buffer, from: number, to: number): void {
    if (to - from > FEW_BYTES) {
      this.#length += bytes.copy(this.#out, this.#length, from, to);
      return;
    }
    const out = this.#out;
    let length = this.#length;
    for (let at = from; at < to; at++) out[length++] = bytes[at] as number;
    this.#length = length;
  }

  #push(byte: number): void {
    this.#reserve(1);
    this.#out[this.#length++] = byte;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#out.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.#length + more));
    this.#out.copy(larger, 0, 0, this.#length);
    this.#out = larger;
  }
}
