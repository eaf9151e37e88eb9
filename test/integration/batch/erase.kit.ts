/** All data in a system's database as texts: the rows of PostgreSQL, or the raw files of SQLite. */
import { readFile } from "node:fs/promises";
import type { System } from "../../helpers/system.ts";
import { databaseOf, select } from "./kit.ts";

export async function everythingStored(system: System): Promise<string[]> {
  if (databaseOf(system).isEmbedded) return filesOf(system);
  const tables = await select<{ name: string }>(
    system,
    "SELECT quote_ident(table_name) AS name FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'",
  );
  const rows: string[] = [];
  for (const { name } of tables)
    for (const { row } of await select<{ row: string }>(system, `SELECT t::text AS row FROM ${name} AS t`))
      rows.push(`${name}: ${row}`);
  return rows;
}

/** The files of SQLite. Deleted texts may still be in free pages and in the write-ahead log. */
async function filesOf(system: System): Promise<string[]> {
  const [{ file } = { file: "" }] = await select<{ file: string }>(system, "PRAGMA database_list");
  const parts = async (name: string) => (await readFile(name)).toString("latin1").split("\0");
  return [...(await parts(file)), ...(await parts(`${file}-wal`))];
}
