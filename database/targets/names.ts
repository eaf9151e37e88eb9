/** Names of tables: how they are quoted, which ones the operator allows, and which are DataFlow's own. */
import type { AllowedTables, NamePart } from "../../config/tables.ts";
import { tableNames } from "../schema/names.ts";
import type { TargetDialect, TargetTable } from "./target.ts";

/** The identifier in the quotes of the dialect. Any characters are allowed. */
export const quotedIn = (dialect: TargetDialect, name: string): string =>
  dialect === "mssql" ? `[${name.replaceAll("]", "]]")}]` : `"${name.replaceAll('"', '""')}"`;

type Named = Pick<TargetTable, "dialect" | "schema" | "name">;

/** The name with its schema, quoted. */
export const quotedTable = ({ dialect, schema, name }: Named): string =>
  `${quotedIn(dialect, schema)}.${quotedIn(dialect, name)}`;

/** The name with its schema, for messages. */
export const shownTable = ({ schema, name }: Pick<Named, "schema" | "name">): string => `${schema}.${name}`;

/** Whether the database treats two identifiers as the same name. */
export const isSameName = (dialect: TargetDialect, one: string, other: string): boolean =>
  folded(dialect, one) === folded(dialect, other);

/** Whether `TABLES_ALLOWED` has the table. */
export function isAllowed(table: Named & Pick<TargetTable, "database">, allowed: readonly AllowedTables[]): boolean {
  return allowed.some(({ database, parts }) => database === table.database && isOf(table, parts));
}

/** Whether a table matches an entry. A single part names a table of SQLite, which has no other schema; `*` is every table. */
function isOf({ dialect, schema, name }: Named, parts: readonly NamePart[]): boolean {
  const [first, last] = parts;
  if (last) return matches(dialect, first as NamePart, schema) && matches(dialect, last, name);
  return first !== undefined && matches(dialect, first, name);
}

function matches(dialect: TargetDialect, { text, isQuoted }: NamePart, name: string): boolean {
  if (isQuoted || !text.includes("*")) return isSameName(dialect, text, name);
  const [start = "", ...rest] = folded(dialect, text).split("*");
  const whole = folded(dialect, name);
  if (!whole.startsWith(start)) return false;
  let at = start.length;
  const last = rest.pop() as string;
  for (const piece of rest) {
    const found = whole.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return whole.endsWith(last) && whole.length - last.length >= at;
}

const folded = (dialect: TargetDialect, name: string): string => (dialect === "postgres" ? name : name.toLowerCase());

/** A schema that has all of these tables holds DataFlow's own. */
export const ownSigns = ["schema_migration", "batch_work"] as const;

/** The table in another database in which DataFlow notes what it has applied there. */
export const APPLIED = "dataflow_applied";

/** The prefixes under which the table would be one of DataFlow's. */
export const prefixesOf = (name: string): string[] =>
  tableNames.filter((own) => name.endsWith(own)).map((own) => name.slice(0, -own.length));

/** `isBeside`: the schema has the tables of `ownSigns`. */
export const isOwnTable = (name: string, isBeside: boolean): boolean =>
  name === APPLIED || (isBeside && tableNames.includes(name));

export const OWN_TABLE = "is a table of DataFlow's own";
