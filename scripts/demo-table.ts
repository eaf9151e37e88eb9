/** The rejected rows as a table: line, field, fault, and the text that was found. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";
import Papa from "papaparse";
import { visible } from "../lib/log/visible.cjs";
import type { RejectedRow } from "./demo-client.ts";
import type { ImportFile } from "./demo-options.ts";

const HEAD = ["line", "field", "what is wrong", "found"];
const MESSAGE_WIDTH = 60;

/** A line of each row, cut to the terminal's width. The found text comes last, because some letters are two columns wide. */
export async function rejectedTable(rows: RejectedRow[], file: ImportFile, columns = 120): Promise<string> {
  const header = file.headers["content-type"] === "text/csv" ? await firstLine(file) : "";
  const table = [HEAD, ...rows.map((row) => cellsOf(row, header))];
  const widths = HEAD.map((_, at) => Math.max(...table.map((cells) => cells[at]?.length ?? 0)));
  return table
    .map((cells) => cells.map((cell, at) => (at === 3 ? cell : cell.padEnd(widths[at] ?? 0))).join("  "))
    .map((line) => `  ${cut(line, columns - 2).trimEnd()}`)
    .join("\n");
}

function cellsOf(row: RejectedRow, header: string): string[] {
  const [first, ...more] = row.errors;
  const message =
    cut(visible(first?.message ?? ""), MESSAGE_WIDTH) + (more.length > 0 ? ` (and ${more.length} more)` : "");
  return [
    String(row.line ?? `#${row.record}`),
    visible(first?.field || "–"),
    message,
    visible(found(row, header).replaceAll(/\s+/g, " ")),
  ];
}

/** The text of the field, or the whole row where the field cannot be found. */
function found({ errors: [first], raw }: RejectedRow, header: string): string {
  if (!first?.field) return raw;
  const record = header ? Papa.parse(`${header}\n${raw}`, { header: true }).data[0] : jsonOf(raw);
  if (typeof record !== "object" || record === null || !(first.field in record)) return header ? raw : "";
  const value = (record as Record<string, unknown>)[first.field];
  return typeof value === "string" ? value : JSON.stringify(value);
}

function jsonOf(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    return null;
  }
}

async function firstLine({ path, headers }: ImportFile): Promise<string> {
  const bytes = createReadStream(path);
  const input = headers["content-encoding"] === "gzip" ? bytes.pipe(createGunzip()) : bytes;
  try {
    for await (const line of createInterface({ input })) if (line) return line.replace(/^\uFEFF/, "");
    return "";
  } finally {
    bytes.destroy();
  }
}

function cut(text: string, width: number): string {
  const letters = [...text];
  return letters.length > width ? `${letters.slice(0, width - 1).join("")}…` : text;
}
