/** Reads a table's foreign keys, and finds references that lead to no row, each with one statement that only reads. */
import { TableFailure } from "../errors.ts";
import { isUnavailable } from "../unavailable.ts";
import type { AskedDatabase } from "./catalog.ts";
import { mssqlKeys, mssqlUnknown } from "./mssql/references.ts";
import { isSameName, shownTable } from "./names.ts";
import { postgresKeys, postgresUnknown } from "./postgres/references.ts";
import { sqliteKeys, sqliteUnknown } from "./sqlite/references.ts";
import type { ColumnKind, RawReference, TableReference, TargetColumn, TargetDialect, TargetTable } from "./target.ts";

interface Asking {
  keys: (table: TargetTable) => { text: string; values: unknown[]; made(rows: never[]): RawReference[] };
  /** Answers `n`, from 0, of each of the keys in `$1` (JSON) that no row has. */
  unknown: (reference: TableReference, columns: TargetColumn[]) => string;
}

const asking: Record<TargetDialect, Asking> = {
  postgres: { keys: postgresKeys, unknown: postgresUnknown },
  sqlite: { keys: sqliteKeys, unknown: sqliteUnknown },
  mssql: { keys: mssqlKeys, unknown: mssqlUnknown },
};

/**
 * Kinds whose texts may differ from the server's spelling. Their references are checked only when the rows are written.
 */
const UNSURE: readonly ColumnKind[] = ["json", "array", "other"];
/** Kinds of columns in which equal values always have the same text. */
const ONE_TEXT: readonly ColumnKind[] = ["integer", "boolean", "date", "uuid", "enum"];

/** The references of a table whose columns can be read. Throws TableFailure and DatabaseUnavailable. */
export async function referencesOf({ dialect, ask }: AskedDatabase, table: TargetTable): Promise<TableReference[]> {
  const { text, values, made } = asking[dialect].keys(table);
  const rows = await told(table, () => ask<never>(text, values));
  return made(rows).flatMap((raw) => referenceOf(raw, table) ?? []);
}

function referenceOf(raw: RawReference, table: TargetTable): TableReference | null {
  const named = (name: string) => table.columns.find((column) => isSameName(table.dialect, column.name, name));
  const columns = raw.columns.map(named).filter((column) => column !== undefined);
  if (columns.length < raw.columns.length || columns.some(({ kind }) => UNSURE.includes(kind))) return null;
  const isSelf = isSameName(table.dialect, raw.table, table.name) && raw.schema === table.schema;
  const parents = isSelf ? raw.parentColumns.map(named).filter((column) => column !== undefined) : [];
  const isExact = parents.length === columns.length && parents.every((parent, i) => isOneText(parent, columns[i], raw));
  return {
    constraint: raw.constraint,
    columns: columns.map(({ name }) => name),
    parent: { schema: raw.schema, name: raw.table, columns: raw.parentColumns },
    own: isSelf ? { columns: parents.map(({ name }) => name), isExact } : null,
  };
}

/** Whether the server treats two values of a reference as equal exactly if their texts are equal. */
const isOneText = (parent: TargetColumn, column: TargetColumn | undefined, { isByCharacters }: RawReference): boolean =>
  parent.kind === column?.kind &&
  (ONE_TEXT.includes(parent.kind) || (isByCharacters && /^(text|character varying|varchar)\b/i.test(parent.type)));

/**
 * The positions of those keys that no row of the referenced table has. If the server cannot read a value, all keys
 * count as known, and the server checks them when it writes the rows. Throws TableFailure and DatabaseUnavailable.
 */
export async function unknownAmong(
  { dialect, ask }: AskedDatabase,
  table: TargetTable,
  reference: TableReference,
  keys: string[][],
): Promise<number[]> {
  const columns = reference.columns.map((name) => table.columns.find((column) => column.name === name) as TargetColumn);
  if (keys.length === 0) return [];
  const text = asking[dialect].unknown(reference, columns);
  const rows = await told(table, () => ask<{ n: number }>(text, [JSON.stringify(keys)]), []);
  return rows.map(({ n }) => Number(n));
}

interface ServerError {
  code?: unknown;
  errcode?: unknown;
  parent?: ServerError;
}

/** Turns a server's errors into TableFailure. `ofValues`: the answer instead of an error that a value caused. */
async function told<T>(table: TargetTable, asked: () => Promise<T[]>, ofValues?: T[]): Promise<T[]> {
  try {
    return await asked();
  } catch (error) {
    if (isUnavailable(error)) throw error;
    const { code, errcode } = (error as ServerError).parent ?? (error as ServerError);
    const state = String(errcode ?? code ?? "");
    if (ofValues && state.startsWith("22")) return ofValues;
    const message = `the references of the table ${shownTable(table)} cannot be looked for now (${state})`;
    throw new TableFailure(/^(42|3F|1$)/.test(state) ? "gone" : "busy", state, message, error);
  }
}
