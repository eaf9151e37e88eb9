/** The type of a migration, and the SQL statements that migrations share. */
import type { Backfill, ColumnKind, Ddl, Index, Table } from "../dialect.ts";

/** The log of migrations: a table with one row for each migration that has run. */
export const LOG = "schema_migration";

export interface MigrationContext {
  ddl: Ddl;
  query(sql: string): Promise<unknown>;
}

export interface Migration {
  name: string;
  up(context: MigrationContext): Promise<void>;
  /** Set if the migration only makes these indexes. A dialect with `makeIndex` runs that instead of `up`. */
  indexes?: Index[];
  /** Set if the migration only changes these rows. A dialect with `fill` runs that instead of `up`. */
  backfill?: Backfill;
}

/**
 * The statements that create a table and its indexes. Sequelize's createTable has no WITHOUT ROWID, and no partial
 * indexes in some dialects.
 */
export function createTable(table: Table, ddl: Ddl): string[] {
  const columns = Object.entries(table.columns).map(([name, kind]) => column(name, kind, ddl));
  const keys = table.primaryKey ? [`PRIMARY KEY (${list(table.primaryKey)})`] : [];
  const unique = (table.unique ?? []).map(
    (names) => `CONSTRAINT "${table.name}_${names.join("_")}_uq" UNIQUE (${list(names)})`,
  );
  const body = [...columns, ...keys, ...unique].join(", ");
  const create = `CREATE TABLE "${table.name}" (${body})${ddl.options(table)}`;
  return [create, ...(ddl.after?.(table) ?? []), ...filtered(table), ...indexes(table)];
}

function column(name: string, kind: Table["columns"][string], ddl: Ddl): string {
  const isNullable = kind.endsWith("?");
  const type = ddl.types[kind.replace("?", "") as ColumnKind];
  return `"${name}" ${type}${isNullable || kind === "id" ? "" : " NOT NULL"}`;
}

const filtered = (table: Table) =>
  (table.uniqueWhereSet ?? []).map(
    (name) =>
      `CREATE UNIQUE INDEX "${table.name}_${name}_uq" ON "${table.name}" ("${name}") WHERE "${name}" IS NOT NULL`,
  );

const indexes = (table: Table) =>
  (table.indexes ?? []).map(
    (names) => `CREATE INDEX "${table.name}_${names.join("_")}_ix" ON "${table.name}" (${list(names)})`,
  );

/** The statement that makes an index. `how`: a word after INDEX, such as CONCURRENTLY. */
export const createIndex = ({ name, table, columns, where }: Index, how = ""): string =>
  `CREATE INDEX ${how}"${name}" ON "${table}" (${list(columns)})${where ? ` WHERE ${where}` : ""}`;

/**
 * A migration that makes indexes on tables that may be large. If it is interrupted, the next run makes the missing
 * indexes.
 */
export const indexStep = (name: string, ...indexes: Index[]): Migration => ({
  name,
  async up({ ddl, query }) {
    for (const index of indexes) await query(ddl.createIndex?.(index) ?? createIndex(index));
  },
  indexes,
});

/**
 * A migration that changes rows of a table that may be large. Rows written while it runs must already have their new
 * values.
 */
export const backfillStep = (name: string, backfill: Backfill): Migration => ({
  name,
  up: async ({ query }) => void (await query(`UPDATE "${backfill.table}" SET ${backfill.set} WHERE ${backfill.where}`)),
  backfill,
});

const list = (names: string[]) => names.map((name) => `"${name}"`).join(", ");
