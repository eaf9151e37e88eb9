/** The tables of a database that a dataset may choose, with their columns, for the editor of datasets. */
import type { AllowedTables } from "../../config/tables.ts";
import type { AskedDatabase } from "./catalog.ts";
import type { CatalogList, FoundColumn, FoundTable } from "./list.types.ts";
import { listMssql } from "./mssql/list.ts";
import { isAllowed, isOwnTable, ownSigns, prefixesOf } from "./names.ts";
import { listPostgres } from "./postgres/list.ts";
import { listSqlite } from "./sqlite/list.ts";
import type { TargetDialect } from "./target.ts";

export interface ListedTable {
  /** The name in the form of a dataset's `table.name`. */
  name: string;
  columns: Omit<FoundColumn, "id">[];
}

const lists: Record<TargetDialect, CatalogList> = { postgres: listPostgres, sqlite: listSqlite, mssql: listMssql };

/** The most tables that are read from a catalog. Of a larger catalog the rest is not listed. */
const MOST_TABLES = 10_000;

/** Tables in the order of their names, after `after`. Throws DatabaseUnavailable. */
export async function listTables(
  { name: database, dialect, ask }: AskedDatabase,
  allowed: readonly AllowedTables[],
  { after = "", limit }: { after?: string | undefined; limit: number },
): Promise<ListedTable[]> {
  if (!allowed.some((one) => one.database === database)) return [];
  const found = await lists[dialect].tables(ask, MOST_TABLES);
  const isOwn = ownIn(found, dialect);
  const page = found
    .filter((table) => isAllowed({ database, dialect, ...table }, allowed) && !isOwn(table))
    .flatMap((table) => {
      const name = writtenName(dialect, table);
      return name === null || name <= after ? [] : [{ ...table, name }];
    })
    .sort((one, other) => (one.name < other.name ? -1 : 1))
    .slice(0, limit);
  if (page.length === 0) return [];
  const ids = page.map(({ id }) => id);
  const columns = Map.groupBy(await lists[dialect].columns(ask, ids), ({ id }) => id);
  return page.map(({ id, name }) => ({
    name,
    columns: (columns.get(id) ?? []).map(({ id: _, ...column }) => column),
  }));
}

/** Finds out which tables are DataFlow's own. They have a schema of their own, or on SQLite a prefix. */
function ownIn(tables: FoundTable[], dialect: TargetDialect): (table: FoundTable) => boolean {
  const there = new Set(tables.map(({ schema, name }) => `${schema}.${name.toLowerCase()}`));
  const hasSigns = (schema: string, prefix = "") => ownSigns.every((sign) => there.has(`${schema}.${prefix}${sign}`));
  return ({ schema, name }) => {
    if (dialect !== "sqlite") return isOwnTable(name, hasSigns(schema));
    const own = name.toLowerCase();
    return isOwnTable(own, false) || prefixesOf(own).some((prefix) => hasSigns(schema, prefix));
  };
}

/** The name of a table as a dataset writes it. Null: no dataset can name this table. */
function writtenName(dialect: TargetDialect, { schema, name }: FoundTable): string | null {
  const parts = dialect === "sqlite" ? [name] : [schema, name];
  const isWritable = parts.every((part) => part.trim() === part && !/[\0\n]/.test(part));
  return isWritable ? parts.map(writtenPart).join(".") : null;
}

const writtenPart = (part: string) => (/[".]/.test(part) ? `"${part.replaceAll('"', '""')}"` : part);
