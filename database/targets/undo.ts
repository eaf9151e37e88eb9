/** Undo in a table: whether a batch's rows can be found again, which other rows refer to them, and how they are deleted. */
import { TableFailure } from "../errors.ts";
import { isUnavailable } from "../unavailable.ts";
import type { AskedDatabase } from "./catalog.ts";
import { mssqlUndo } from "./mssql/undo.ts";
import { isSameName, shownTable } from "./names.ts";
import { postgresUndo } from "./postgres/undo.ts";
import { sqliteUndo } from "./sqlite/undo.ts";
import type { TableDocument, TargetDialect, TargetTable } from "./target.ts";
import type { BatchRows, Referring, UndoTexts } from "./undo.types.ts";

const dialects: Record<TargetDialect, UndoTexts> = { postgres: postgresUndo, sqlite: sqliteUndo, mssql: mssqlUndo };

/** How many rows one statement deletes. Without triggers this takes a few ms. */
const ROWS_AT_ONCE = 1_000;

const modes: readonly string[] = ["insert", "ignore"];

/** The column that identifies a batch's rows, or why the dataset has none. */
function columnOf({ mode, columns, name }: TableDocument): { fault: string } | { column: string } {
  if (!modes.includes(mode))
    return { fault: `Its records went into the table ${name} with the mode ${mode}: expected insert or ignore.` };
  const found = Object.entries(columns ?? {}).find(
    ([, source]) => typeof source === "object" && "meta" in source && source.meta === "batchId",
  );
  return found
    ? { column: found[0] }
    : { fault: `No column of the table ${name} is filled by {"meta": "batchId"}, so its rows cannot be found.` };
}

/**
 * Reads from the catalog how to find a batch's rows, or why they cannot be undone. Throws TableFailure and
 * DatabaseUnavailable.
 */
export async function batchRowsOf(
  { dialect, ask }: AskedDatabase,
  document: TableDocument,
  describe: () => Promise<{ table: TargetTable } | { fault: string }>,
): Promise<BatchRows | { fault: string }> {
  const named = columnOf(document);
  const texts = dialects[dialect];
  if ("fault" in named) return named;
  const found = await describe();
  if ("fault" in found) return { fault: `The table ${document.name}: ${found.fault}.` };
  const { table } = found;
  const column = table.columns.find(({ name }) => isSameName(dialect, name, named.column));
  if (!column) return { fault: `The table ${shownTable(table)} has no column ${named.column} any more.` };
  const index = texts.index(table, column);
  const referring = texts.referring(table);
  const [told] = await asked(table, () => ask<{ identity: string }>(index.text, index.values));
  if (!told)
    return {
      fault: `No index of the table ${shownTable(table)} begins with the column ${column.name}: make one first.`,
    };
  const keys = await asked(table, () => ask<never>(referring.text, referring.values));
  return { table, column, identity: texts.identity(table, told.identity), referring: referring.made(keys) };
}

/**
 * Deletes some of the batch's rows. `done`: none is left. `stuck`: other rows refer to the remaining rows, or these are
 * locked. Throws TableFailure if the table refuses the deletion, and DatabaseUnavailable.
 */
export async function removeRows(
  { dialect, ask, send }: AskedDatabase,
  rows: BatchRows,
  batch: string,
): Promise<"done" | "more" | "stuck"> {
  const texts = dialects[dialect];
  const { table } = rows;
  const removal = texts.remove(rows, ROWS_AT_ONCE, batch);
  const gone = await asked<object>(table, () =>
    Array.isArray(removal) ? send(removal.join(";\n")) : ask(removal.text, removal.values),
  );
  if (gone.some((row) => "n" in row)) return "more";
  const left = await asked(table, () => ask(texts.left(rows), [batch]));
  return left.length === 0 ? "done" : "stuck";
}

/** The foreign keys by which other rows refer to the batch's rows. Throws TableFailure and DatabaseUnavailable. */
export async function referencesTo(
  { dialect, ask }: AskedDatabase,
  rows: BatchRows,
  batch: string,
): Promise<Referring[]> {
  const texts = dialects[dialect];
  const found: Referring[] = [];
  for (const by of rows.referring) {
    const [one] = await asked(rows.table, () => ask(texts.isReferred(rows, by), [batch]));
    if (one) found.push(by);
  }
  return found;
}

interface ServerError {
  code?: unknown;
  errcode?: unknown;
  parent?: ServerError;
}

async function asked<T>(table: TargetTable, ask: () => Promise<T[]>): Promise<T[]> {
  try {
    return await ask();
  } catch (error) {
    if (isUnavailable(error)) throw error;
    const { code, errcode } = (error as ServerError).parent ?? (error as ServerError);
    const state = String(errcode ?? code ?? "");
    const message = `the rows of the table ${shownTable(table)} cannot be taken back now (${state})`;
    throw new TableFailure("busy", state, message, error);
  }
}
