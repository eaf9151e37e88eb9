/** Shows the first records as a table: a line for each field, with the text of the file and the stored value of each record. */
import { closeSync, openSync, readSync } from "node:fs";
import { findNodeAtLocation, type Node, parseTree } from "jsonc-parser";
import Papa from "papaparse";
import { visible } from "../lib/log/visible.cjs";

/** A stored record. Its values are texts (from JSON, or from a table of SQLite), so that numbers keep their digits. */
export interface StoredRecord {
  record: number;
  fields: [name: string, text: string][];
}

/** The cells of a record in the file, by the names of the columns. */
export type Cells = Record<string, string>;

const HEAD_BYTES = 64 * 1024;
const FIELDS_SHOWN = 12;
const WIDEST = 26;
/** Terminals show these letters two columns wide. */
const wide = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u3000-\u303f\uff01-\uff60]/gu;

/** A line of `GET /imports/{id}/records`. */
export function storedRecord(line: string): StoredRecord {
  const tree = parseTree(line) as Node;
  const data = findNodeAtLocation(tree, ["data"]) as Node;
  const fields = (data.children ?? []).map(({ children: [name, value] = [] }): [string, string] => {
    const { offset, length } = value as Node;
    return [(name as Node).value, line.slice(offset, offset + length)];
  });
  return { record: JSON.parse(line).record, fields };
}

/** The first records of a CSV file with commas, as the file has them. */
export function cellsOf(path: string, most: number): Cells[] {
  const head = Buffer.alloc(HEAD_BYTES);
  const file = openSync(path, "r");
  const length = readSync(file, head);
  closeSync(file);
  const text = head.toString("utf8", 0, length);
  return Papa.parse<Cells>(text, { header: true, delimiter: ",", preview: most }).data;
}

/** A table with as many records as fit into the width, but at least one. `cells`: the texts of the file, if they are known. */
export function storedTable(records: StoredRecord[], cells: Cells[], columns = 120): string {
  const table = tableOf(records, cells);
  const widths = widthsOf(table);
  const isTooWide = widths.reduce((sum, width) => sum + 2 + width, 0) > columns;
  if (isTooWide && records.length > 1) return storedTable(records.slice(0, -1), cells, columns);
  const padded = (cell: string, at: number) => cell + " ".repeat((widths[at] ?? 0) - widthOf(cell));
  return table.map((row) => `  ${row.map(padded).join("  ")}`.trimEnd()).join("\n");
}

function tableOf(records: StoredRecord[], cells: Cells[]): string[][] {
  const isKnown = cells.length > 0;
  const names = new Set([
    ...(isKnown ? Object.keys(cells[0] as Cells) : []),
    ...records.flatMap(({ fields }) => fields.map(([name]) => name)),
  ]);
  const head = records.flatMap(({ record }) =>
    isKnown ? [`record ${record} in the file`, "in the table"] : [`record ${record}`],
  );
  const rows = [...names].slice(0, FIELDS_SHOWN).map((name) => [
    name,
    ...records.flatMap(({ record, fields }) => {
      const stored = new Map(fields).get(name) ?? "–";
      return isKnown ? [cells[record - 1]?.[name] ?? "", stored] : [stored];
    }),
  ]);
  const more = names.size - FIELDS_SHOWN;
  return [["field", ...head], ...rows, ...(more > 0 ? [[`… ${more} more`]] : [])].map((row) => row.map(shortened));
}

const widthsOf = (table: string[][]): number[] =>
  (table[0] ?? []).map((_, at) => Math.max(...table.map((row) => widthOf(row[at] ?? ""))));

const widthOf = (text: string): number => [...text].length + (text.match(wide)?.length ?? 0);

function shortened(text: string): string {
  const letters = [...visible(text.replaceAll(/\s+/g, " "))];
  return letters.length > WIDEST ? `${letters.slice(0, WIDEST - 1).join("")}…` : letters.join("");
}
