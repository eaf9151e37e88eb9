/** Reads the rows of a worksheet while its XML comes: cells with their kinds, in any order and however sparse. */
import { broken } from "./archive.ts";
import { isoOfDays, isoOfText } from "./days.ts";
import type { MergedAreas } from "./merged.ts";
import type { Styles } from "./number-formats.ts";
import { columnName, columnOf, MOST_COLUMNS, MOST_ROWS, rowOf } from "./references.ts";
import { type SharedTexts, TextRuns, unescaped } from "./texts.ts";
import type { Attributes, XmlEvents } from "./xml.ts";

export type CellKind = "text" | "number" | "boolean" | "date" | "time" | "date-time" | "duration" | "error" | "formula";

export interface Cell {
  kind: CellKind;
  /**
   * The cell's text, by its kind: a number's digits as in the file, `true` or `false`, ISO 8601, or an error such as `#N/A`.
   * Empty for a formula without a value.
   */
  text: string;
}

export interface SheetRow {
  /** The number of the row, from 1. */
  number: number;
  /** The columns of its cells, rising, from 0. */
  columns: number[];
  cells: Cell[];
  /** The row is longer than a record may be, and its further cells are left out. */
  isCut: boolean;
}

export interface SheetParts {
  shared: SharedTexts;
  styles: Styles;
  is1904: boolean;
  merged: MergedAreas | null;
}

/** Depths of elements: worksheet, sheetData, row, c. */
const DATA = 2;
const ROW = 3;
const CELL = 4;

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

export class SheetReader implements XmlEvents {
  readonly #parts: SheetParts;
  readonly #mostBytes: number;
  readonly #runs = new TextRuns();
  #rows: SheetRow[] = [];
  #row: SheetRow | null = null;
  #isInData = false;
  #lastRow = 0;
  /** The same as text; whether its element says it, or has to be asked for it: a cell may. */
  #rowText = "";
  #isRowNamed = false;
  #lastColumn = -1;
  #isSorted = true;
  /** How many more bytes the row may have. */
  #room = 0;
  // The current cell.
  #isInCell = false;
  #type = "";
  #style = -1;
  #value: string | null = null;
  #hasFormula = false;
  #isInValue = false;
  #isInline = false;

  /** `mostBytes`: the most bytes of a row. A longer row is cut. */
  constructor(parts: SheetParts, mostBytes: number) {
    this.#parts = parts;
    this.#mostBytes = mostBytes;
  }

  /** Takes the rows that were completed since the last call. */
  take(): SheetRow[] {
    const rows = this.#rows;
    this.#rows = [];
    return rows;
  }

  /** Throws malformed-body. */
  open(name: string, attributes: Attributes, depth: number): void {
    if (depth > CELL) this.#openWithin(name, attributes, depth);
    else if (depth === CELL && name === "c" && this.#row !== null) this.#openCell(attributes);
    else if (depth === ROW && name === "row" && this.#isInData) this.#openRow(attributes.r);
    else if (depth === DATA) this.#isInData = name === "sheetData";
    else if (depth === 1 && name !== "worksheet") throw broken("has no worksheet where its list of sheets says so");
  }

  #openWithin(name: string, attributes: Attributes, depth: number): void {
    if (!this.#isInCell) return;
    if (depth > CELL + 1) {
      if (this.#isInline) this.#runs.open(name, attributes);
    } else if (name === "v") {
      this.#isInValue = true;
      if (this.#value) throw broken(`has a cell with two values in row ${this.#lastRow}`);
      this.#value = "";
    } else if (name === "f") this.#hasFormula = true;
    else if (name === "is") this.#isInline = true;
  }

  text(text: string): void {
    if (this.#isInValue) this.#value += text;
    else if (this.#isInline) this.#runs.text(text);
  }

  close(name: string, depth: number): void {
    if (depth > CELL + 1) {
      if (this.#isInline) this.#runs.close(name);
    } else if (depth === CELL + 1) {
      if (name === "v") this.#isInValue = false;
      else if (name === "is" && this.#isInline) {
        this.#isInline = false;
        this.#type = "inlineStr";
        this.#value = this.#runs.take();
      }
    } else if (depth === CELL && name === "c") this.#closeCell();
    else if (depth === ROW && name === "row") this.#closeRow();
  }

  #openRow(reference: string | undefined): void {
    const number = reference === undefined ? this.#lastRow + 1 : Number(reference);
    if (number <= this.#lastRow) throw broken(`has row ${number} behind row ${this.#lastRow}`);
    this.#row = { number, columns: [], cells: [], isCut: false };
    this.#nameRow(number, reference);
    this.#isRowNamed = reference !== undefined;
    this.#lastColumn = -1;
    this.#isSorted = true;
    this.#room = this.#mostBytes;
  }

  #nameRow(number: number, reference = String(number)): void {
    if (!(Number.isInteger(number) && number > 0 && number <= MOST_ROWS))
      throw broken(`has a row with the number "${reference.slice(0, 20)}"`);
    this.#lastRow = number;
    this.#rowText = String(number);
  }

  #closeRow(): void {
    const row = this.#row;
    this.#row = null;
    if (row === null || (row.cells.length === 0 && !row.isCut)) return;
    if (!this.#isSorted) sortCells(row);
    this.#rows.push(row);
  }

  #openCell({ r, t, s }: Attributes): void {
    if (r !== undefined && !this.#isRowNamed) this.#nameRowBy(r);
    const column = r === undefined ? this.#lastColumn + 1 : columnOf(r, this.#rowText);
    if (column < 0 || column >= MOST_COLUMNS)
      throw broken(`has a cell beyond ${MOST_COLUMNS} columns, or without a right name, in row ${this.#lastRow}`);
    if (column <= this.#lastColumn) this.#isSorted = false;
    this.#lastColumn = column;
    this.#isInCell = true;
    this.#type = t ?? "n";
    this.#style = s === undefined ? -1 : Number(s);
    this.#value = null;
    this.#hasFormula = false;
  }

  /** A row without a number takes it from its first cell with a reference. */
  #nameRowBy(reference: string): void {
    const number = rowOf(reference);
    this.#isRowNamed = true;
    if (this.#row === null || !(number > this.#lastRow)) return;
    this.#nameRow(number);
    this.#row.number = number;
  }

  #closeCell(): void {
    this.#isInCell = false;
    const row = this.#row;
    if (row === null || row.isCut) return;
    if (this.#parts.merged?.covers(row.number, this.#lastColumn)) return;
    const cell = this.#cell();
    if (cell === null) return;
    this.#room -= cell.text.length;
    if (this.#room < 0) row.isCut = true;
    else {
      row.columns.push(this.#lastColumn);
      row.cells.push(cell);
    }
  }

  /** The current cell. Null: it is empty. */
  #cell(): Cell | null {
    const value = this.#value;
    if (this.#hasFormula && (value === null || (value === "" && this.#type !== "str")))
      return { kind: "formula", text: "" };
    if (value === null || value === "") return null;
    switch (this.#type) {
      case "s":
        return this.#shared(value);
      case "str":
        return { kind: "text", text: unescaped(value) };
      case "inlineStr":
        return { kind: "text", text: value };
      case "b":
        return booleanOf(value.trim());
      case "e":
        return { kind: "error", text: value.trim() };
      case "d":
        return isoOfText(value.trim(), this.#kind()) ?? { kind: "text", text: value };
      case "n":
        return this.#number(value.trim());
      default:
        throw broken(`has a cell of the unknown type "${this.#type.slice(0, 20)}" in row ${this.#lastRow}`);
    }
  }

  #kind() {
    return this.#style < 0 ? null : this.#parts.styles.kindOf(this.#style);
  }

  #shared(value: string): Cell | null {
    const { shared } = this.#parts;
    const index = Number(value);
    if (!shared.has(index)) throw broken(`lacks the shared string ${value.slice(0, 20)} of row ${this.#lastRow}`);
    if (shared.bytesOf(index) > 3 * this.#room) {
      (this.#row as SheetRow).isCut = true;
      return null;
    }
    const text = shared.at(index);
    return text === "" ? null : { kind: "text", text };
  }

  #number(digits: string): Cell {
    // No program writes such a value. It is kept, and the schema refuses it.
    if (!NUMBER.test(digits)) return { kind: "text", text: digits };
    const kind = this.#kind();
    const iso = kind === null ? null : isoOfDays(digits, kind, this.#parts.is1904);
    return iso ?? { kind: "number", text: digits };
  }
}

/** A boolean's value. No program writes another one; it is kept, and the schema refuses it. */
function booleanOf(text: string): Cell {
  if (text === "1" || text === "true") return { kind: "boolean", text: "true" };
  return text === "0" || text === "false" ? { kind: "boolean", text: "false" } : { kind: "text", text };
}

/** Sorts the cells of a row. They may be in any order. Throws malformed-body if one comes twice. */
function sortCells(row: SheetRow): void {
  const order = row.columns.map((column, i) => [column, row.cells[i] as Cell] as const).sort(([a], [b]) => a - b);
  row.columns = order.map(([column]) => column);
  row.cells = order.map(([, cell]) => cell);
  const twice = row.columns.find((column, i) => column === row.columns[i - 1]);
  if (twice !== undefined) throw broken(`has the cell ${columnName(twice)}${row.number} twice`);
}
