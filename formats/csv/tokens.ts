/**
 * The rule where cells and rows of CSV end. The splitter and the readers of chunks share it.
 * A quote opens only at the start of a cell. Inside, a doubled quote is a quote (with an escape character: a quote behind
 * it); any other quote closes, and what follows until the delimiter or the line's end is plain text. A quote in plain
 * text is plain text. A row ends at a line end outside quotes.
 */
import type { Dialect } from "./dialect.ts";

/** The states of a reader between two bytes. */
export const ROW_START = 0;
export const CELL_START = 1;
export const PLAIN = 2;
export const QUOTED = 3;
/** After a quote inside quotes. It closes the cell, unless a second quote follows. */
export const QUOTE_SEEN = 4;
/** After the escape character inside quotes. */
export const ESCAPED = 5;
/** After the first and the second byte of a BOM at the start of a row. */
const BOM_1 = 6;
const BOM_2 = 7;
export const COMMENT = 8;
export const ROW_END = 9;
const STATES = 10;

const LF = 10;
const CR = 13;
const BLANK = 32;
const BOM = [0xef, 0xbb, 0xbf] as const;

interface Source {
  /** Further characters that end cells, for a file whose delimiter is not known yet. */
  delimiters?: readonly string[];
  /** The bytes are a file as it was sent: a lone CR ends a row, and a BOM before a row is skipped. In chunks each row ends with LF. */
  isFile?: boolean;
  /** The character that begins a comment. Comments are not rows. */
  commentChar?: string | null;
}

/** The state after a byte, for each state before it. */
export type Tokens = Uint8Array;

export const after = (tokens: Tokens, state: number, byte: number): number => tokens[(state << 8) | byte] as number;

export function tokensOf(dialect: Dialect, { delimiters, isFile = false, commentChar = null }: Source = {}): Tokens {
  const { quoteChar, escapeChar, skipInitialSpace } = dialect;
  const tokens = new Uint8Array(STATES << 8);
  const set = (state: number, byte: number, next: number) => {
    tokens[(state << 8) | byte] = next;
  };
  const fill = (state: number, next: number) => tokens.fill(next, state << 8, (state + 1) << 8);
  const quote = quoteChar.charCodeAt(0);
  const outside = [ROW_START, CELL_START, PLAIN, QUOTE_SEEN, BOM_1, BOM_2];
  for (const state of outside) {
    fill(state, PLAIN);
    for (const delimiter of delimiters ?? [dialect.delimiter]) set(state, delimiter.charCodeAt(0), CELL_START);
  }
  for (const state of [ROW_START, CELL_START]) {
    if (skipInitialSpace) set(state, BLANK, state);
    set(state, quote, QUOTED);
  }
  fill(QUOTED, QUOTED);
  fill(ESCAPED, QUOTED);
  set(QUOTED, quote, QUOTE_SEEN);
  if (escapeChar === null || escapeChar === quoteChar) set(QUOTE_SEEN, quote, QUOTED);
  else set(QUOTED, escapeChar.charCodeAt(0), ESCAPED);
  fill(COMMENT, COMMENT);
  if (isFile) {
    set(ROW_START, BOM[0], BOM_1);
    set(BOM_1, BOM[1], BOM_2);
    set(BOM_2, BOM[2], ROW_START);
  }
  if (commentChar !== null) set(ROW_START, commentChar.charCodeAt(0), COMMENT);
  for (const state of [...outside, COMMENT]) {
    set(state, LF, ROW_END);
    if (isFile) set(state, CR, ROW_END);
  }
  return tokens;
}
