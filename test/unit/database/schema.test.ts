/** The promise: the declared tables equal those that the migrations create. */
import { QueryTypes } from "sequelize";
import { openDatabase } from "../../../database/database.ts";
import { ddl } from "../../../database/dialects/sqlite/ddl.ts";
import type { Table } from "../../../database/schema/table.ts";
import * as tables from "../../../database/schema/tables.ts";

interface Info {
  name: string;
  type: string;
  notnull: number;
  pk: number;
}

async function infoOf(names: string[]): Promise<Record<string, Info[]>> {
  const db = await openDatabase({ url: "sqlite::memory:" });
  try {
    await db.migrate();
    const found: Record<string, Info[]> = {};
    for (const name of names)
      found[name] = await db.sequelize.query<Info>(`PRAGMA table_info("${name}")`, { type: QueryTypes.SELECT });
    return found;
  } finally {
    await db.close();
  }
}

const declared: Table[] = Object.values(tables);

test("each declared table has the columns, types and keys that a migrated database has", async () => {
  const found = await infoOf(declared.map(({ name }) => name));
  for (const { name, columns, key } of declared) {
    const expected = columns.map(({ column, kind, isNull, name: own }) => [
      column,
      ddl.types[kind].split(" ")[0],
      isNull || kind === "id",
      key.includes(own),
    ]);
    const made = found[name]?.map(({ name: column, type, notnull, pk }) => [column, type, notnull === 0, pk > 0]);
    expect([name, [...(made ?? [])].sort()]).toEqual([name, expected.sort()]);
  }
});
