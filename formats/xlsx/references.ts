/** Parses references to cells and areas: `C17`, `B2:D20`. */

/** The size of Excel's sheets; the last cell is XFD1048576. */
export const MOST_COLUMNS = 16_384;
export const MOST_ROWS = 1_048_576;

/** The column of a cell reference, from 0. −1: it is not a reference to a cell in this row. */
export function columnOf(reference: string, row: string): number {
  let column = 0;
  let at = 0;
  for (; at < reference.length; at++) {
    const code = reference.charCodeAt(at) & ~32;
    if (code < 65 || code > 90) break;
    column = column * 26 + code - 64;
    if (column > MOST_COLUMNS) return -1;
  }
  return reference.length - at === row.length && reference.endsWith(row) ? column - 1 : -1;
}

/** The row of a cell reference. NaN: it has none. */
export const rowOf = (reference: string): number => Number(/^[a-z]+(\d+)$/i.exec(reference)?.[1]);

/** The letters of a column, which counts from 0. */
export function columnName(column: number): string {
  const rest = Math.floor(column / 26);
  return (rest > 0 ? columnName(rest - 1) : "") + String.fromCharCode(65 + (column % 26));
}

/** Rows from 1, columns from 0, the last ones included. */
export interface Area {
  top: number;
  left: number;
  bottom: number;
  right: number;
}

const AREA = /^([a-z]{1,3}[1-9]\d{0,6}):([a-z]{1,3}[1-9]\d{0,6})$/i;

/** The area of a reference. Null: it is not a reference to an area. */
export function areaOf(reference: string): Area | null {
  const [, first, last] = AREA.exec(reference) ?? [];
  if (first === undefined || last === undefined) return null;
  const [top, bottom] = [rowOf(first), rowOf(last)];
  const [left, right] = [columnOf(first, String(top)), columnOf(last, String(bottom))];
  return left < 0 || right < left || bottom < top || bottom > MOST_ROWS ? null : { top, left, bottom, right };
}
