/** Rows of CSV as lines of JSON, straight from their bytes: no cell becomes a string of its own on the way. */

import { plainDialect } from "../csv/dialect.ts";
import { CsvScanner } from "../csv/scan.ts";
import { type CellPlan, WRONG } from "../read/cell.ts";
import type { Plans } from "../read/plans.ts";
import { CR, CsvCells, END, LF, mayBeBlank, QUOTE } from "./csv-cells.ts";
import { JsonBuffer } from "./json-buffer.ts";
import { ESCAPED, inText, LONGEST_ESCAPE, PLAIN, writeEscaped } from "./json-escape.ts";
import { plainNumberEnd } from "./plain-number.ts";
import { RecordNumbers } from "./record-numbers.ts";
import { type CellKinds, converted } from "./text-conversion.ts";

const OPENING_BRACE = 123;
const CLOSING_BRACE = 125;

/** A cell in quotes. Two quotes in it are one quote of its text. */
const DOUBLED = 2;

/** Bytes that are read, or written, in one go: few enough to stay in the processor's cache, and to leave other work its turns. */
const AT_ONCE = 16 * 1024;

/** How a column's cells are read: as they stand, without the blanks around them, by their plan, or not at all. */
const AS_THEY_STAND = 0;
const TRIMMED = 1;
const PLANNED = 2;
const DROPPED = 3;

const wayOf = ({ path, isPlain, trims }: CellPlan): number => {
  if (path === null) return DROPPED;
  return isPlain ? (trims ? TRIMMED : AS_THEY_STAND) : PLANNED;
};

/**
 * Writes each row as the JSON text of its record: the cells that are not empty, as numbers and booleans where the column's
 * kinds say so. An empty line stands for a row that has to be read another way: the number of its cells is wrong, a quote is
 * out of place, or a number is none that a double holds.
 */
export class JsonRows extends CsvCells {
  readonly #kindsOfCells: (CellKinds | null)[];
  readonly #names: Buffer[];
  readonly #scanner: CsvScanner;
  readonly #columns: readonly CellPlan[];
  readonly #ways: Uint8Array;
  readonly #least: number;
  readonly #numbers = new RecordNumbers();
  readonly #text = new JsonBuffer(2 * AT_ONCE);

  /** `data` is valid UTF-8. */
  constructor(data: Buffer, { columns, least, nameless }: Plans, delimiter: string) {
    super(data, delimiter, nameless);
    this.#columns = columns;
    this.#least = least;
    this.#ways = Uint8Array.from(columns, wayOf);
    this.#names = columns.map(({ path }) => Buffer.from(`,${JSON.stringify(path?.[0] ?? "")}:`));
    this.#kindsOfCells = columns.map(({ kinds }) => kinds);
    this.#scanner = new CsvScanner({ ...plainDialect, delimiter });
    this.#scanner.feed(data);
  }

  /** Returns the JSON lines of the next rows, at least one. The buffer is valid until the next call. Null: no row is left. */
  next(): Buffer | null {
    const until = this.at + AT_ONCE;
    let rows = 0;
    this.#text.length = 0;
    for (this.skipBlank(); this.at < this.data.length; this.skipBlank()) {
      if (this.#text.length >= AT_ONCE || this.at >= until) break;
      if (rows++ > 0) this.#text.push(LF);
      const { start, at } = { start: this.#text.length, at: this.at };
      if (this.#row()) continue;
      this.#text.length = start;
      const next = this.#scanner.next(at);
      this.at = next < 0 ? this.data.length : next;
    }
    return rows === 0 ? null : this.#text.bytes.subarray(0, this.#text.length);
  }

  /** Writes the next row and moves behind it. False: the row has to be read another way. */
  #row(): boolean {
    const data = this.data;
    const start = this.#text.length;
    const last = this.#names.length - 1;
    for (let column = 0; column <= last; column++) {
      const way = this.#ways[column];
      const isWritten = way === AS_THEY_STAND ? this.#plainText(column) || this.#cell(column) : this.#other(column);
      if (!isWritten) return false;
      if (column === last) this.skipNameless();
      const isEnd = this.at >= data.length || data[this.at] === LF;
      if (isEnd !== (column === last) && !(isEnd && column + 1 >= this.#least)) return false;
      this.at++;
      if (isEnd) break;
    }
    if (this.#text.length === start) this.#text.push(OPENING_BRACE);
    // The first cell, whichever it is, has a comma before it.
    this.#text.bytes[start] = OPENING_BRACE;
    this.#text.push(CLOSING_BRACE);
    return true;
  }

  #other(column: number): boolean {
    if (this.#ways[column] === DROPPED) return this.span();
    const from = this.at;
    const start = this.#text.length;
    if (this.#ways[column] === PLANNED) return this.#planned(column);
    if (mayBeBlank(this.data[from] as number) || this.data[from] === QUOTE) return this.#trimmed(column);
    // Blanks behind a number or a boolean are skipped anyway.
    if (this.#kindsOfCells[column] !== null) return this.#cell(column);
    if (!this.#plainText(column)) return this.#trimmed(column);
    if (!mayBeBlank(this.#text.bytes[this.#text.length - 2] as number)) return true;
    this.#text.length = start;
    this.at = from;
    return this.#trimmed(column);
  }

  /** Writes a cell without the blanks around it. */
  #trimmed(column: number): boolean {
    if (!this.span()) return false;
    this.trim();
    const [data, from, to] = [this.data, this.cellFrom, this.cellTo];
    if (from === to) return true;
    let found = this.hasDoubled ? DOUBLED : PLAIN;
    for (let at = from; at < to; at++)
      if (data[at] !== QUOTE || !this.hasDoubled) found |= inText[data[at] as number] as number;
    return this.#write(column, from, to, found);
  }

  /** Writes what the column's plan makes of the cell. */
  #planned(column: number): boolean {
    if (!this.span()) return false;
    const cell = this.data.toString("utf8", this.cellFrom, this.cellTo);
    const plan = this.#columns[column] as CellPlan;
    const value = plan.value(this.hasDoubled ? cell.replaceAll('""', '"') : cell, this.#numbers);
    if (this.#numbers.size > 0) {
      this.#numbers.clear();
      return false;
    }
    if (value === WRONG) return false;
    if (value === undefined) return true;
    const name = this.#names[column] as Buffer;
    const json = JSON.stringify(value);
    this.#text.reserve(name.length + 3 * json.length);
    this.#text.copy(name, 0, name.length);
    this.#text.length += this.#text.bytes.write(json, this.#text.length);
    return true;
  }

  /** Copies a plain text while it reads it: most cells are such. False: the cell is empty, quoted, converted, or needs escapes. */
  #plainText(column: number): boolean {
    if (this.#kindsOfCells[column] !== null) return false;
    const data = this.data;
    const ofByte = this.ofByte;
    const name = this.#names[column] as Buffer;
    const size = data.length;
    let at = this.at;
    this.#text.reserve(name.length + 2 + this.lineEnd(at) - at);
    const out = this.#text.bytes;
    let length = this.#text.length;
    out.set(name, length);
    length += name.length;
    out[length++] = QUOTE;
    for (; at < size; at++) {
      const byte = data[at] as number;
      if (ofByte[byte] !== PLAIN) break;
      out[length++] = byte;
    }
    if (at === this.at || (at < size && ofByte[data[at] as number] === ESCAPED)) return false;
    out[length++] = QUOTE;
    this.#text.length = length;
    this.at = at;
    return true;
  }

  /** Reads and writes a cell of any kind, and stops at the byte that ends it. */
  #cell(column: number): boolean {
    return this.data[this.at] === QUOTE ? this.#quotedCell(column) : this.#plainCell(column);
  }

  #plainCell(column: number): boolean {
    const data = this.data;
    const ofByte = this.ofByte;
    const from = this.at;
    let at = from;
    let found = PLAIN;
    for (; at < data.length; at++) {
      const kind = ofByte[data[at] as number] as number;
      if (kind === END) break;
      found |= kind;
    }
    this.at = at;
    const isRowEnd = at === data.length || data[at] === LF;
    const to = isRowEnd && at > from && data[at - 1] === CR ? at - 1 : at;
    return to === from || this.#write(column, from, to, found);
  }

  #quotedCell(column: number): boolean {
    const data = this.data;
    const from = this.at + 1;
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
    this.at = this.behindCr(at + 1);
    const isEnd = this.at >= data.length || this.ofByte[data[this.at] as number] === END;
    return isEnd && (at === from || this.#write(column, from, at, found));
  }

  #write(column: number, from: number, to: number, found: number): boolean {
    const name = this.#names[column] as Buffer;
    const text = this.#text;
    const kinds = this.#kindsOfCells[column] as CellKinds | null;
    text.reserve(name.length + (found === PLAIN ? 1 : LONGEST_ESCAPE) * (to - from) + 3);
    text.copy(name, 0, name.length);
    if (kinds !== null) return (kinds.number && this.#number(from, to)) || this.#converted(from, to, found, kinds);
    text.bytes[text.length++] = QUOTE;
    if (found === PLAIN) text.copy(this.data, from, to);
    else text.length = writeEscaped(text.bytes, text.length, { data: this.data, from, to }, (found & DOUBLED) !== 0);
    text.bytes[text.length++] = QUOTE;
    return true;
  }

  /** Copies the number as it is. False: it needs a conversion. */
  #number(from: number, to: number): boolean {
    const end = plainNumberEnd(this.data, from, to);
    if (end < 0) return false;
    this.#text.copy(this.data, from, end);
    return true;
  }

  /** Writes any other number, a boolean, or a text that the schema will refuse. False: no double holds the number. */
  #converted(from: number, to: number, found: number, kinds: CellKinds): boolean {
    const cell = this.data.toString("utf8", from, to);
    const value = converted((found & DOUBLED) === 0 ? cell : cell.replaceAll('""', '"'), kinds, this.#numbers);
    const isHeld = this.#numbers.size === 0;
    this.#numbers.clear();
    if (!isHeld) return false;
    const json = JSON.stringify(value);
    this.#text.reserve(3 * json.length);
    this.#text.length += this.#text.bytes.write(json, this.#text.length);
    return true;
  }
}
