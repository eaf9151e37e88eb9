/**
 * Where CSV records end: the one rule, for the splitter and for whoever reads a chunk again.
 * A quote opens only at the start of a field. Inside, `""` is a quote; any other quote closes, and what follows until the
 * delimiter or the line's end is plain text. A quote in plain text is plain text. A record ends at LF outside quotes
 * (the CR before it belongs to the line end); a lone CR is plain text.
 */
import type { RowScanner } from "../split/rows.ts";

const LF = 10;
const CR = 13;
const QUOTE = 34;
const SNIFFED = [",", ";", "\t"];

const FIELD_START = 0;
const PLAIN = 1;
const QUOTED = 2;
/** After a quote within quotes: it closes, unless a second one follows. */
const QUOTE_SEEN = 3;
const ROW_END = 4;

function nextState(state: number, byte: number, delimiters: Uint8Array): number {
  if (state === QUOTED) return byte === QUOTE ? QUOTE_SEEN : QUOTED;
  if (byte === LF) return ROW_END;
  if (byte === QUOTE && state !== PLAIN) return QUOTED;
  return delimiters[byte] === 1 ? FIELD_START : PLAIN;
}

export class CsvScanner implements RowScanner {
  lines = 0;
  readonly #delimiters = new Uint8Array(256);
  #bytes: Buffer = Buffer.alloc(0);
  #state = ROW_END;
  /** The next quote in the piece, so that rows without one are leapt over. */
  #quote = 0;

  /** With several delimiters, each of them ends a field. */
  constructor(...delimiters: string[]) {
    for (const delimiter of delimiters) this.#delimiters[delimiter.charCodeAt(0)] = 1;
  }

  /** Whether the bytes so far end inside a quoted field. */
  get isQuoted(): boolean {
    return this.#state === QUOTED;
  }

  feed(bytes: Buffer): void {
    this.#bytes = bytes;
    this.#quote = -1;
  }

  next(from: number): number {
    if (this.#state === ROW_END) {
      this.#state = FIELD_START;
      this.lines = 0;
    }
    return this.#state <= PLAIN ? this.#leap(from) : this.#walk(from);
  }

  #leap(from: number): number {
    if (this.#quote < from) this.#quote = this.#find(QUOTE, from);
    const end = this.#find(LF, from);
    if (end >= this.#quote) return this.#walk(from);
    this.lines++;
    this.#state = ROW_END;
    return end + 1;
  }

  #find(byte: number, from: number): number {
    const found = this.#bytes.indexOf(byte, from);
    return found < 0 ? this.#bytes.length : found;
  }

  #walk(from: number): number {
    const bytes = this.#bytes;
    const delimiters = this.#delimiters;
    let state = this.#state;
    let i = from;
    while (i < bytes.length && state !== ROW_END) {
      const byte = bytes[i++] as number;
      if (byte === LF) this.lines++;
      state = nextState(state, byte, delimiters);
    }
    this.#state = state;
    return state === ROW_END ? i : -1;
  }
}

/** The records of a chunk, each without its line end; `line` counts from 0. Blank lines are none. */
export function csvRecordStarts(data: Buffer, delimiter: string): { start: number; end: number; line: number }[] {
  const scanner = new CsvScanner(delimiter);
  const records: { start: number; end: number; line: number }[] = [];
  scanner.feed(data);
  let line = 0;
  for (let start = 0; start < data.length; ) {
    const next = scanner.next(start);
    const stop = next < 0 ? data.length : next - 1;
    const end = stop > start && data[stop - 1] === CR ? stop - 1 : stop;
    if (end > start) records.push({ start, end, line });
    line += scanner.lines;
    start = next < 0 ? data.length : next;
  }
  return records;
}

/** A scanner for a header row whose delimiter is not known yet. */
export function headerScanner(): CsvScanner {
  return new CsvScanner(...SNIFFED);
}

/** The most frequent one of comma, semicolon and tab outside the quotes of a header row; comma where two are as frequent. */
export function sniffDelimiter(header: Buffer): string {
  const delimiters = new Uint8Array(256);
  for (const delimiter of SNIFFED) delimiters[delimiter.charCodeAt(0)] = 1;
  const counts = new Uint32Array(256);
  let state = FIELD_START;
  for (const byte of header) {
    state = nextState(state, byte, delimiters);
    if (state === FIELD_START) counts[byte] = (counts[byte] as number) + 1;
  }
  const count = (delimiter: string) => counts[delimiter.charCodeAt(0)] as number;
  const most = Math.max(...SNIFFED.map(count));
  const best = SNIFFED.filter((delimiter) => count(delimiter) === most);
  return best.length === 1 ? (best[0] as string) : ",";
}

/** The cells of one record, unquoted. Blanks between a closing quote and the delimiter are no part of a cell, as Papa has it. */
export function csvCells(record: string, delimiter: string): string[] {
  const cells: string[] = [];
  for (let at = 0; ; ) {
    const quoted = record[at] === '"' ? quotedText(record, at + 1) : { text: "", end: at };
    const stop = record.indexOf(delimiter, quoted.end);
    const rest = record.slice(quoted.end, stop < 0 ? undefined : stop);
    cells.push(quoted.end > at && rest.trim() === "" ? quoted.text : quoted.text + rest);
    if (stop < 0) return cells;
    at = stop + 1;
  }
}

/** The text from `at` until the closing quote, and the place after it. */
function quotedText(record: string, at: number): { text: string; end: number } {
  let text = "";
  for (let from = at; ; ) {
    const quote = record.indexOf('"', from);
    if (quote < 0) return { text: text + record.slice(from), end: record.length };
    text += record.slice(from, quote);
    if (record[quote + 1] !== '"') return { text, end: quote + 1 };
    text += '"';
    from = quote + 2;
  }
}

/** Cells as one line of CSV, without its end. */
export const csvLine = (cells: string[], delimiter: string): string =>
  cells.map((cell) => (/["\r\n]|^\s|\s$/.test(cell) || cell.includes(delimiter) ? quoted(cell) : cell)).join(delimiter);

const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`;
