/** Reads a database's catalog of a table that a dataset names. */
import { type AllowedTables, type NamePart, namePartsOf } from "../../config/tables.ts";
import { describeMssql } from "./mssql/catalog.ts";
import { isAllowed, shownTable } from "./names.ts";
import { describePostgres } from "./postgres/catalog.ts";
import { describeSqlite } from "./sqlite/catalog.ts";
import type { Ask, Described, TargetDialect, TargetTable } from "./target.ts";

/** A database whose catalog is read. `name` null: the database of `DATABASE_URL`. */
export interface AskedDatabase {
  name: string | null;
  dialect: TargetDialect;
  ask: Ask;
  /** Sends statements without parameters in one message, and answers the rows of all of them. */
  send<T>(text: string): Promise<T[]>;
}

const describers: Record<TargetDialect, (ask: Ask, parts: readonly NamePart[]) => Promise<Described>> = {
  postgres: describePostgres,
  sqlite: describeSqlite,
  mssql: describeMssql,
};

/**
 * The table that a dataset names, or why a dataset may not write it. Throws DatabaseUnavailable. `isMissing`: there is
 * nothing of this name.
 */
export async function describeTable(
  { name: database, dialect, ask }: AskedDatabase,
  name: string,
  allowed: readonly AllowedTables[],
): Promise<{ table: TargetTable } | { fault: string; isMissing?: true }> {
  const parts = namePartsOf(name);
  if (!parts) return { fault: 'expected table, schema.table or "a.name.with.dots"' };
  const found = await describers[dialect](ask, parts);
  if ("fault" in found) return found;
  const table = { database, ...found.table };
  return isAllowed(table, allowed)
    ? { table }
    : { fault: `${shownTable(table)} is no table that the setting TABLES_ALLOWED names` };
}
