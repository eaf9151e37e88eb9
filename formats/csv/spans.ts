/** Finds the cells of a row in its text. */
import type { Dialect } from "./dialect.ts";
import { after, CELL_START, PLAIN, ROW_START, tokensOf } from "./tokens.ts";

/** A character that no dialect gives a meaning, because it is not ASCII. */
const OTHER = 128;
const BLANK = 32;

export interface Span {
  from: number;
  to: number;
}

/** Each cell with its quotes, by the rule of `CellReader`. `row` has no line end. */
export function cellSpans(row: string, dialect: Dialect): Span[] {
  const tokens = tokensOf(dialect);
  const skips = dialect.skipInitialSpace;
  const spans: Span[] = [];
  let state = ROW_START;
  let from = 0;
  for (let i = 0; i < row.length; i++) {
    const code = row.charCodeAt(i);
    const before = state;
    state = after(tokens, before, Math.min(code, OTHER));
    if (state !== CELL_START && state !== ROW_START) continue;
    const isSkipped = skips && code === BLANK && before <= CELL_START && after(tokens, PLAIN, BLANK) === PLAIN;
    if (!isSkipped) spans.push({ from, to: i });
    from = i + 1;
  }
  spans.push({ from, to: row.length });
  return spans;
}
