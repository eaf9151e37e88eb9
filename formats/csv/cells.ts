/** The cells of one row, and rows of cells. */
import type { Dialect } from "./dialect.ts";
import { after, CELL_START, ESCAPED, PLAIN, QUOTE_SEEN, QUOTED, ROW_START, type Tokens, tokensOf } from "./tokens.ts";

/** A misplaced quote. `at`: its position in characters, from 1. */
export interface QuoteFault {
  at: number;
  isOpen: boolean;
}

/** A character that no dialect gives a meaning, because it is not ASCII. */
const OTHER = 128;

/** White space between a closing quote and the delimiter. It does not belong to the cell. */
const isBlank = (text: string, at: number): boolean => text.charAt(at).trim() === "";

/** Reads the cells of rows. It follows the same rule as the scanner that finds the ends of rows (tokens.ts). */
export class CellReader {
  readonly #tokens: Tokens;
  readonly #quoteChar: string;
  readonly #escapeChar: string | null;
  /** The fault in the quotes of the row that was read last. Null: there is none. */
  fault: QuoteFault | null = null;

  constructor(dialect: Dialect) {
    this.#tokens = tokensOf(dialect);
    this.#quoteChar = dialect.quoteChar;
    this.#escapeChar = dialect.escapeChar;
  }

  /** The cells of a row, which has no line end. Text after a closing quote is kept, and is a fault. */
  cells(row: string): string[] {
    const cells: string[] = [];
    let state = ROW_START;
    /** The part of the cell that is read already, and where the rest begins. */
    let cell = "";
    let from = 0;
    let isClosed = false;
    this.fault = null;
    for (let i = 0; i < row.length; i++) {
      const code = row.charCodeAt(i);
      const before = state;
      state = after(this.#tokens, before, Math.min(code, OTHER));
      if (state === CELL_START || state === ROW_START) {
        if (before > CELL_START || !this.#isSkipped(row, i)) {
          cells.push(isClosed ? cell + this.#rest(row, from, i) : cell + row.slice(from, i));
          cell = "";
          isClosed = false;
        }
        from = i + 1;
      } else if (state === QUOTED) {
        if (before <= CELL_START) from = i + 1;
        else if (before === QUOTE_SEEN) {
          from = i;
          isClosed = false;
        } else if (before === ESCAPED && this.#isEscapable(row.charAt(i))) {
          cell += row.slice(from, i - 1);
          from = i;
        }
      } else if (state === QUOTE_SEEN) {
        cell += row.slice(from, i);
        from = i + 1;
        isClosed = true;
      }
    }
    if (state === QUOTED || state === ESCAPED) this.fault ??= { at: row.length, isOpen: true };
    cells.push(isClosed ? cell + this.#rest(row, from, row.length) : cell + row.slice(from));
    return cells;
  }

  /** Whether the character before the cell is a blank that the dialect skips, and not a delimiter. */
  #isSkipped(row: string, at: number): boolean {
    return row.charCodeAt(at) === 32 && after(this.#tokens, PLAIN, 32) === PLAIN;
  }

  #isEscapable(char: string): boolean {
    return char === this.#quoteChar || char === this.#escapeChar;
  }

  /** Checks what follows a closing quote. Text there is a fault. */
  #rest(row: string, from: number, to: number): string {
    for (let i = from; i < to; i++) {
      if (isBlank(row, i)) continue;
      this.fault ??= { at: i + 1, isOpen: false };
      return row.slice(from, to);
    }
    return "";
  }
}

/** Cells as one line of CSV, without its end. */
export function csvLine(cells: readonly string[], { delimiter, quoteChar, escapeChar }: Dialect): string {
  const special = [delimiter, quoteChar, ...(escapeChar === null ? [] : [escapeChar])];
  const isPlain = (cell: string) =>
    !(/[\r\n]|^[\s\ufeff]|[\s\ufeff]$/.test(cell) || special.some((one) => cell.includes(one)));
  const escaped = (cell: string) =>
    escapeChar === null || escapeChar === quoteChar
      ? cell.replaceAll(quoteChar, quoteChar + quoteChar)
      : cell.replaceAll(escapeChar, escapeChar + escapeChar).replaceAll(quoteChar, escapeChar + quoteChar);
  return cells.map((cell) => (isPlain(cell) ? cell : quoteChar + escaped(cell) + quoteChar)).join(delimiter);
}

const SPACE = 32;
const TAB = 9;
const NBSP = [0xc2, 0xa0] as const;

/**
 * Whether a row has nothing but empty or blank cells. `delimiters` are the bytes that end cells.
 */
export function isBlankRow(bytes: Buffer, from: number, to: number, delimiters: Uint8Array, quote: number): boolean {
  for (let at = from; ; at++) {
    at = blanksEnd(bytes, at, to, delimiters);
    if (bytes[at] === quote && at < to) {
      at = blanksEnd(bytes, at + 1, to, NONE);
      if (at >= to || bytes[at] !== quote) return false;
      at = blanksEnd(bytes, at + 1, to, delimiters);
    }
    if (at >= to) return true;
    if (delimiters[bytes[at] as number] === 0) return false;
  }
}

const NONE = new Uint8Array(256);

function blanksEnd(bytes: Buffer, from: number, to: number, delimiters: Uint8Array): number {
  let at = from;
  for (; at < to; at++) {
    const byte = bytes[at] as number;
    if (byte === NBSP[0] && at + 1 < to && bytes[at + 1] === NBSP[1]) at++;
    else if ((byte !== SPACE && byte !== TAB) || delimiters[byte] === 1) break;
  }
  return at;
}
