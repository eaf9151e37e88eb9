/** How rows of a sheet are stored: each as one line of JSON, which the error report also shows to the partner. */
import type { RecordFault } from "../check/fault-bounds.ts";
import { columnName } from "./references.ts";
import type { Cell, CellKind, SheetRow } from "./sheet.ts";

/** Up to this many consecutive empty cells are written one by one; more are written as their number. */
const FEW_EMPTY = 4;

type Kept = string | number | boolean | null | Readonly<Record<string, string | number>>;

/** A stored row, parsed. Empty cells are null. */
export interface StoredRow {
  row: number;
  cells: Kept[];
}

/** `{"row":17,"cells":["A1",null,10.5,{"date":"2026-01-31"}]}` */
export function storedRow({ number, columns, cells }: SheetRow): string {
  const parts: string[] = [];
  let next = 0;
  for (let i = 0; i < cells.length; i++) {
    const empty = (columns[i] as number) - next;
    if (empty > FEW_EMPTY) parts.push(`{"empty":${empty}}`);
    else for (let n = 0; n < empty; n++) parts.push("null");
    parts.push(keptOf(cells[i] as Cell));
    next = (columns[i] as number) + 1;
  }
  return `{"row":${number},"cells":[${parts.join(",")}]}`;
}

/** Writes a number as a JSON number if it is parsed with the same digits again. */
function keptOf({ kind, text }: Cell): string {
  switch (kind) {
    case "text":
      return JSON.stringify(text);
    case "boolean":
      return text;
    case "number":
      return String(Number(text)) === text ? text : JSON.stringify({ number: text });
    default:
      return JSON.stringify({ [kind]: text });
  }
}

/** The cells of a stored row by column. Undefined: empty. */
export function cellsOf({ cells }: StoredRow): (Cell | undefined)[] {
  const found: (Cell | undefined)[] = [];
  for (const kept of cells) {
    if (kept === null) found.push(undefined);
    else if (typeof kept === "string") found.push({ kind: "text", text: kept });
    else if (typeof kept !== "object") found.push({ kind: typeof kept as "number" | "boolean", text: String(kept) });
    else {
      const [[kind, text] = ["text", ""]] = Object.entries(kept);
      if (kind === "empty") found.length += Number(text);
      else found.push({ kind: kind as CellKind, text: String(text) });
    }
  }
  return found;
}

const ROW_NUMBER = /^\{"row":(\d{1,7}),/;

/** The row number in the sheet. Null: the text is not a stored row. */
export function rowNumberOf(line: string): number | null {
  const [, digits] = ROW_NUMBER.exec(line) ?? [];
  return digits === undefined ? null : Number(digits);
}

/** The message about a cell after the last named column. */
export const strayMessage = (cell: string): string => `The cell ${cell} stands in a column without a name.`;
const STRAY = /^The cell ([A-Z]{1,3}\d{1,7}) stands in a column without a name\.$/;

/** The reference of the cell that a fault is about. Empty: it is about no cell. */
export function cellOf(fault: RecordFault, line: number | null, header: readonly string[] = []) {
  const { field, column = field, code, message } = fault;
  const stray = code === "columns" ? STRAY.exec(message)?.[1] : undefined;
  if (stray !== undefined) return { cell: stray };
  const place = header.indexOf(column);
  return place < 0 || line === null ? {} : { cell: `${columnName(place)}${line}` };
}
