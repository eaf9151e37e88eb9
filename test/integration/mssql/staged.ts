/** Loads rows into temporary tables, as SQL Server's bulk load does, and makes the tables that stand for table variables. */
import { createHash } from "node:crypto";
import type pg from "pg";
import type { Staged } from "../../../database/dialects/mssql/sql.ts";
import { typeOf } from "./tsql.ts";

/**
 * The temporary tables of each connection, by name, with their columns. Making one takes as long as twenty statements, so they
 * are reused.
 */
export const made = new WeakMap<pg.PoolClient, Map<string, string>>();

async function emptyTable(client: pg.PoolClient, name: string, columns: string): Promise<void> {
  const known = made.get(client) ?? new Map<string, string>();
  made.set(client, known);
  if (known.get(name) === columns) return void (await client.query(`DELETE FROM pg_temp.${name}`));
  known.delete(name);
  await client.query(`DROP TABLE IF EXISTS pg_temp.${name}; CREATE TEMP TABLE ${name} (${columns})`);
  known.set(name, columns);
}

/**
 * A table for a variable: its name, and the statements that create it, or that empty it if it exists. Variables of one name have
 * different columns in different batches, so each list of columns has a table of its own. The table stays, because DROP and
 * CREATE would be a sixth of all work.
 */
export function variableTable(client: pg.PoolClient, variable: string, columns: string) {
  const table = `var_${variable}_${createHash("sha1").update(columns).digest("hex").slice(0, 8)}`;
  const known = made.get(client) ?? new Map<string, string>();
  made.set(client, known);
  const empty = `DELETE FROM pg_temp.${table}`;
  const make = known.has(table) ? null : `CREATE TEMP TABLE IF NOT EXISTS ${table} (${columns}); ${empty}`;
  known.set(table, columns);
  return { table, make, empty };
}

/** The most values of one statement. PostgreSQL counts them in 16 bits. */
const MOST_VALUES = 60_000;

export async function load(client: pg.PoolClient, { name, columns, rows }: Staged): Promise<void> {
  const table = `staged_${name.slice(1)}`;
  const list = Object.entries(columns).map(([column, { sql }]) => `"${column}" ${typeOf(sql)}`);
  await emptyTable(client, table, list.join(", "));
  const atOnce = Math.floor(MOST_VALUES / list.length);
  for (let at = 0; at < rows.length; at += atOnce) {
    const some = rows.slice(at, at + atOnce);
    const places = some.map((_row, r) => `(${list.map((_column, c) => `$${r * list.length + c + 1}`).join(", ")})`);
    await client.query(`INSERT INTO ${table} VALUES ${places.join(", ")}`, some.flat());
  }
}
