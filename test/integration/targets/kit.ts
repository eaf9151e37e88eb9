/** Reads tables of a test database from its catalog. */
import { type AllowedTables, tablesAllowed } from "../../../config/tables.ts";
import type { Database } from "../../../database/database.ts";
import { TargetDatabases } from "../../../database/targets/databases.ts";
import type { TargetColumn, TargetTable } from "../../../database/targets/target.ts";

/** The list of allowed tables in this text. Fails on a wrong text. */
export const allowing = (text: string) => tablesAllowed.parse(text) as readonly AllowedTables[];

export function targetsOf(own: Database, { allowed = "*", databases = [] as { name: string; url: string }[] } = {}) {
  return new TargetDatabases({ own, databases, allowed: allowing(allowed) });
}

/** The table, or the reason why there is none. */
export async function described(targets: TargetDatabases, name: string, database: string | null = null) {
  const asked = targets.find(database);
  if (!asked) throw new Error(`No database is called ${database}.`);
  const found = await targets.describe(asked, name);
  return "fault" in found ? found.fault : found.table;
}

/** The columns of a table, each with only what differs from most columns. */
export function columnsOf(table: TargetTable | string): Record<string, Partial<TargetColumn>> {
  if (typeof table === "string") throw new Error(table);
  return Object.fromEntries(
    table.columns.map(({ name, ...column }) => [
      name,
      Object.fromEntries(Object.entries(column).filter(([, value]) => value !== null && value !== false)),
    ]),
  );
}
