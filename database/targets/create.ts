/** Creates a missing table that a dataset names (`create: true`). */
import { type AllowedTables, namePartsOf } from "../../config/tables.ts";
import { fieldsOf } from "../../formats/read/fields.ts";
import type { Fault } from "../../lib/errors.ts";
import { isUnavailable } from "../unavailable.ts";
import type { AskedDatabase } from "./catalog.ts";
import { contentAt, contentOf, type Maker, type Wanted } from "./create.types.ts";
import { mssqlMaker, postgresMaker, sqliteMaker } from "./makers.ts";
import { isAllowed, isSameName, quotedIn, quotedTable, shownTable } from "./names.ts";
import type { TableDocument, TargetColumn, TargetDialect, TargetTable } from "./target.ts";

const makers: Record<TargetDialect, Maker> = { postgres: postgresMaker, sqlite: sqliteMaker, mssql: mssqlMaker };

/** A planned table that does not exist yet. */
export interface NewTable {
  table: TargetTable;
  text: string;
}

/** The column that numbers rows if the dataset names no key. */
const SURROGATE = "id";

/** Plans a missing table, or says why DataFlow may not create it. Throws DatabaseUnavailable. */
export async function plannedTable(
  { name: database, dialect, ask }: AskedDatabase,
  document: TableDocument,
  schema: object,
  allowed: readonly AllowedTables[],
): Promise<NewTable | { faults: Fault[] }> {
  const [name = "", named] = (namePartsOf(document.name) ?? []).map(({ text }) => text).toReversed();
  const [own] = named === undefined ? await ask<{ schema: string | null }>(makers[dialect].schema, []) : [];
  const place = { database, dialect, schema: named ?? own?.schema ?? "", name };
  if (place.schema === "") return refused("expected a schema before the name, for the login has none of its own");
  if (!isAllowed(place, allowed))
    return refused(`${shownTable(place)} is no table that the setting TABLES_ALLOWED names`);
  return newTable(place, document, schema);
}

const refused = (detail: string) => ({ faults: [{ pointer: "/table/name", detail }] });

/** Plans a missing table without asking the database. Separate, so that tests can check the text of the statement. */
export function newTable(
  place: Pick<TargetTable, "database" | "dialect" | "schema" | "name">,
  document: TableDocument,
  schema: object,
): NewTable {
  const { dialect } = place;
  const maker = makers[dialect];
  const wanted = wantedColumns(document, schema, dialect);
  const key = document.key ?? [];
  const columns = wanted.map((one): TargetColumn => ({ ...none, ...maker.type(one, key.length), ...named(one) }));
  const surrogate = key.length === 0 ? surrogateColumn(wanted, dialect) : null;
  const lines = columns.map(
    ({ name, type, isNotNull }) => `${quotedIn(dialect, name)} ${type}${isNotNull ? " NOT NULL" : ""}`,
  );
  const quoted = key.map((name) =>
    quotedIn(dialect, wanted.find((one) => isSameName(dialect, one.name, name))?.name ?? name),
  );
  const text = maker.create(quotedTable(place), [
    ...(surrogate ? [`${quotedIn(dialect, surrogate.name)} ${maker.surrogate}`] : []),
    ...lines,
    ...(key.length > 0 ? [`PRIMARY KEY (${quoted.join(", ")})`] : []),
  ]);
  const primary = { name: "", columns: surrogate ? [surrogate.name] : key, isPrimary: true };
  const all = surrogate ? [surrogate, ...columns] : columns;
  // SQLite reports only names of CHECKs and indexes in errors. The new table will have none.
  const toldConstraints = dialect === "sqlite" ? [] : null;
  return { table: { ...place, columns: all, keys: [primary], toldConstraints, hindrances: [] }, text };
}

const none = {
  element: null,
  hasDefault: false,
  isReadOnly: false,
  maxLength: null,
  precision: null,
  scale: null,
  range: null,
  values: null,
};
const named = ({ name, isKey }: Wanted) => ({ name, isNotNull: isKey });

function wantedColumns(
  { columns, key, delete: marker }: TableDocument,
  schema: object,
  dialect: TargetDialect,
): Wanted[] {
  const isKey = (name: string) => (key ?? []).some((one) => isSameName(dialect, one, name));
  const wanted = (name: string, about: Pick<Wanted, "content" | "maxLength">): Wanted =>
    isKey(name) && about.content === "text"
      ? { name, ...about, content: "key text", isKey: true }
      : { name, ...about, isKey: isKey(name) };
  if (columns) return Object.entries(columns).map(([name, source]) => wanted(name, contentOf(source, schema)));
  const properties = fieldsOf(schema).paths.filter((path) => path.length === 1 && path[0] !== marker?.field);
  return properties.map((path) => wanted(path[0] as string, contentAt(path, schema)));
}

function surrogateColumn(wanted: Wanted[], dialect: TargetDialect): TargetColumn {
  const isTaken = (name: string) => wanted.some((one) => isSameName(dialect, one.name, name));
  let name = SURROGATE;
  while (isTaken(name)) name = `row_${name}`;
  return { ...none, name, kind: "integer", type: "", isNotNull: true, hasDefault: true, isReadOnly: true };
}

/**
 * Creates the table. Another node may create it at the same time, so the caller reads the catalog afterwards. Answers
 * the server's reason for a refusal, or null. Throws DatabaseUnavailable.
 */
export async function createTable({ ask }: AskedDatabase, { text }: NewTable): Promise<string | null> {
  try {
    await ask(text, []);
    return null;
  } catch (error) {
    if (isUnavailable(error)) throw error;
    return `the database does not make the table (${codeOf(error)})`;
  }
}

/** The error's code, by the server or its driver. The error's text is not shown, because it may quote values of the table. */
function codeOf(error: unknown): string {
  const { parent = error } = (error ?? {}) as { parent?: unknown };
  const { code, number, errcode } = (parent ?? {}) as { code?: unknown; number?: unknown; errcode?: unknown };
  return String(number ?? code ?? errcode ?? "no code");
}
