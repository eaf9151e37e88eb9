/** Rows of a workbook as the rows of a CSV file. */
import { mapColumns } from "../read/columns.ts";
import { dateText } from "../read/dates.ts";
import { type FieldRead, type PartialRead, wholeRead } from "../read/read.ts";
import type { Cell } from "./sheet.ts";
import { cellsOf } from "./stored.ts";

/** Reads a stored row as the texts that a CSV file of the same dataset would have, one for each of its columns. */
export function textsOfRows(header: readonly string[], schema: object, partial: PartialRead | null) {
  const read = wholeRead(partial);
  const { columns } = mapColumns(header, schema, read);
  const reads = columns.map(({ path }) => read.fields[(path ?? []).join(".")] ?? {});
  return (stored: string): string[] => {
    const cells = cellsOf(JSON.parse(stored));
    // A sheet does not have the empty cells at the end of a row.
    const width = Math.max(header.length, cells.length);
    return Array.from({ length: width }, (_, column) => {
      const cell = cells[column];
      return cell ? textOf(cell, reads[column] ?? {}) : "";
    });
  };
}

function textOf({ kind, text }: Cell, { decimalChar = ".", trueValues, falseValues, format }: FieldRead): string {
  const [pattern] = [format ?? []].flat();
  if (kind === "number") return text.replace(".", decimalChar);
  if (kind === "boolean") return (text === "true" ? trueValues?.[0] : falseValues?.[0]) ?? text;
  const isTime = kind === "date" || kind === "time" || kind === "date-time";
  return isTime && pattern !== undefined ? (dateText(pattern, text) ?? text) : text;
}
