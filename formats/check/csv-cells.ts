/** Finds the cells in the bytes of a CSV, one after the other, and skips what is between the rows. */
import { inText } from "./json-escape.ts";

export const LF = 10;
export const CR = 13;
export const QUOTE = 34;

/** A byte that ends a cell, beside what it is in a text. */
export const END = 2;

/** Bytes of the blank that a text begins with, and of the one that it ends with. */
const blankAt = (data: Buffer, from: number, to: number): number => {
  if (from < to && (data[from] === 32 || data[from] === 9)) return 1;
  return from + 1 < to && data[from] === 0xc2 && data[from + 1] === 0xa0 ? 2 : 0;
};
const blankBefore = (data: Buffer, from: number, to: number): number => {
  if (from < to && (data[to - 1] === 32 || data[to - 1] === 9)) return 1;
  return from + 1 < to && data[to - 1] === 0xa0 && data[to - 2] === 0xc2 ? 2 : 0;
};

/** A byte with which blanks around a cell may begin or end: space, tab, and those of NBSP. */
export const mayBeBlank = (byte: number): boolean => byte === 32 || byte === 9 || byte === 0xc2 || byte === 0xa0;

/** Reads from `at` on, byte by byte. Subclasses decide what the cells become. */
export class CsvCells {
  protected readonly data: Buffer;
  /** What each byte is in a text, and those that end a cell. */
  protected readonly ofByte = inText.slice();
  protected at = 0;
  /** The text of the cell that was spanned last, within its quotes. */
  protected cellFrom = 0;
  protected cellTo = 0;
  protected hasDoubled = false;
  readonly #nameless: number;
  /** The line end that was looked up last. */
  #lf = -1;

  /** `data` is valid UTF-8. `nameless`: how many further cells a row may have if they are empty. */
  constructor(data: Buffer, delimiter: string, nameless: number) {
    this.data = data;
    this.#nameless = nameless;
    this.ofByte[LF] = END;
    this.ofByte[delimiter.charCodeAt(0)] = END;
  }

  /** Skips blank lines. */
  protected skipBlank(): void {
    const data = this.data;
    for (let at = this.at; ; this.at = ++at) {
      if (data[at] === CR && (at + 1 === data.length || data[at + 1] === LF)) at++;
      else if (data[at] !== LF) return;
    }
  }

  /** Finds the text of the cell, and stops behind the cell. */
  protected span(): boolean {
    const data = this.data;
    const ofByte = this.ofByte;
    let at = this.at;
    this.hasDoubled = false;
    if (data[at] !== QUOTE) {
      this.cellFrom = at;
      while (at < data.length && ofByte[data[at] as number] !== END) at++;
      this.at = at;
      const isRowEnd = at === data.length || data[at] === LF;
      this.cellTo = isRowEnd && at > this.cellFrom && data[at - 1] === CR ? at - 1 : at;
      return true;
    }
    this.cellFrom = ++at;
    for (at = data.indexOf(QUOTE, at); at >= 0 && data[at + 1] === QUOTE; at = data.indexOf(QUOTE, at + 2))
      this.hasDoubled = true;
    if (at < 0) return false;
    this.cellTo = at;
    this.at = this.behindCr(at + 1);
    return this.at >= data.length || ofByte[data[this.at] as number] === END;
  }

  /** Trims the cell that was found last. */
  protected trim(): void {
    const { data } = this;
    let from = this.cellFrom;
    let to = this.cellTo;
    for (let blank = blankAt(data, from, to); blank > 0; blank = blankAt(data, from, to)) from += blank;
    for (let blank = blankBefore(data, from, to); blank > 0; blank = blankBefore(data, from, to)) to -= blank;
    this.cellFrom = from;
    this.cellTo = to;
  }

  /** Skips empty cells behind the last column, and the CR of the line end. */
  protected skipNameless(): void {
    const data = this.data;
    if (this.#nameless === 0 || this.ofByte[data[this.at] as number] !== END) return;
    for (let left = this.#nameless; left > 0 && this.at < data.length && data[this.at] !== LF; left--) {
      const next = this.behindCr(this.at + 1);
      if (next < data.length && this.ofByte[data[next] as number] !== END) return;
      this.at = next;
    }
  }

  /** The end of the line that contains `at`. */
  protected lineEnd(at: number): number {
    if (at > this.#lf) {
      const found = this.data.indexOf(LF, at);
      this.#lf = found < 0 ? this.data.length : found;
    }
    return this.#lf;
  }

  /** The CR of a line end belongs to it. */
  protected behindCr(at: number): number {
    const data = this.data;
    return data[at] === CR && (at + 1 === data.length || data[at + 1] === LF) ? at + 1 : at;
  }
}
