/** Packs rows into one long text for each column, because sending few long texts costs much less than many values. */
import { randomBytes } from "node:crypto";
import type { TableRow } from "../../services/batch/batch.table.domain.ts";

/** Records that lack the same columns, and delete or not. */
export interface Pattern {
  isDelete: boolean;
  /** The numbers of the planned columns that the records lack. */
  absent: ReadonlySet<number>;
}

export interface Stage {
  patterns: Pattern[];
  /** The text with each row's pattern, then a text for each column. The first entry of each text stands for no row. */
  texts: string[];
  separator: string;
  /** The text that means NULL. */
  nothing: string;
}

/** A short text that hardly any value contains. */
const SEPARATOR = "\x1f";
const NOTHING = "\x1e";
/** The first entry of each text. Without it, the text of a single empty value could not be told from no rows. */
const HEAD = "-";

/** `width`: the number of columns. */
export function stageOf(rows: TableRow[], width: number): Stage {
  const { patterns, numbers } = patternsOf(rows);
  const columns = Array.from({ length: width }, (_, i) => columnOf(rows, i));
  // Searches whole columns. Searching each value would take as long as everything else together.
  const wholes = columns.map((column) => column.join(""));
  const isIn = (text: string) => wholes.some((whole) => whole.includes(text));
  // A random text of 24 digits occurs in no value.
  const free = (text: string) => (isIn(text) ? randomBytes(12).toString("hex") : text);
  const [separator, nothing] = [free(SEPARATOR), free(NOTHING)];
  for (const column of columns) setNulls(column, nothing);
  const texts = [[HEAD, ...numbers], ...columns].map((column) => column.join(separator));
  return { patterns, texts, separator, nothing };
}

/** The distinct patterns of the rows, and for each row the number of its pattern. */
export function patternsOf(rows: TableRow[]): { patterns: Pattern[]; numbers: number[] } {
  const known = new Map<string, Pattern & { no: number }>();
  const numbers = rows.map((row) => patternOf(row, known).no);
  return { patterns: [...known.values()], numbers };
}

type Column = (string | null | undefined)[];

/** Loops over one list for each column: lists of all values, made again for each step, cost a fifth of the time. */
function columnOf(rows: TableRow[], i: number): Column {
  const column: Column = [HEAD];
  for (const { values } of rows) column.push(values[i]);
  return column;
}

function setNulls(column: Column, nothing: string): void {
  for (let at = 0; at < column.length; at++) column[at] ??= nothing;
}

function patternOf(row: TableRow, known: Map<string, Pattern & { no: number }>) {
  const name = `${row.isDelete}${lackedBy(row)}`;
  const found = known.get(name);
  if (found) return found;
  const absent = new Set(row.values.flatMap((value, i) => (value === undefined ? [i] : [])));
  const made = { no: known.size, isDelete: row.isDelete, absent };
  known.set(name, made);
  return made;
}

/** The columns that the record lacks, as a key. Most records lack none, so nothing is allocated for each row. */
export function lackedBy({ values }: TableRow): string {
  let lacked = "";
  for (let i = 0; i < values.length; i++) if (values[i] === undefined) lacked += ` ${i}`;
  return lacked;
}
