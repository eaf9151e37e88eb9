import { open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SheetRow } from "../../../../formats/xlsx/sheet.ts";
import { type SheetChoice, Workbook } from "../../../../formats/xlsx/workbook.ts";
import { isProblem } from "../../../../lib/errors.ts";
import { type WorkbookParts, workbookOf } from "../../../helpers/workbook.ts";

const MiB = 1024 * 1024;
let files = 0;

export interface Asked extends Partial<SheetChoice> {
  maxBytes?: number;
  maxRowBytes?: number;
}

/** All rows of a sheet. */
export async function rowsOf(bytes: Buffer, asked: Asked = {}): Promise<SheetRow[]> {
  const { sheetName = null, sheetNumber = 1, maxBytes = 256 * MiB, maxRowBytes = MiB } = asked;
  const path = join(tmpdir(), `workbook-${process.pid}-${files++}.xlsx`);
  await writeFile(path, bytes);
  const file = await open(path);
  try {
    const workbook = await Workbook.open(file, bytes.length, { maxBytes, maxRowBytes });
    const rows: SheetRow[] = [];
    for await (const some of workbook.rows({ sheetName, sheetNumber })) rows.push(...some);
    return rows;
  } finally {
    await file.close();
    await rm(path);
  }
}

/** Cells as texts, such as `C17 number 10.5`. */
export const shownRows = (rows: readonly SheetRow[]): string[][] =>
  rows.map(({ number, columns, cells }) =>
    cells.map(({ kind, text }, i) => `${columns[i]}/${number} ${kind} ${text}`.trim()),
  );

export const cellsIn = async (parts: WorkbookParts, asked?: Asked): Promise<string[]> =>
  shownRows(await rowsOf(workbookOf(parts), asked)).flat();

/** The refusal of a workbook, or its rows if it is accepted. */
export async function refusal(bytes: Buffer, asked?: Asked): Promise<unknown> {
  try {
    return await rowsOf(bytes, asked);
  } catch (error) {
    if (!isProblem(error)) throw error;
    return { code: error.type, detail: error.message, ...(error.data as object) };
  }
}
