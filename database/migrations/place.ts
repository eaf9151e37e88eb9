/** Moves tables of an older release, which have plain names, into DataFlow's schema, or gives them its prefix. */
import { QueryTypes, type Transaction } from "sequelize";
import type { Dialect } from "../dialect.ts";
import { tableNames } from "../schema/names.ts";
import { LOG } from "./ddl.ts";

/**
 * The first entry of DataFlow's log of migrations. It tells DataFlow's log from another product's table of the same
 * name.
 */
const FIRST_STEP = "0001-schema";

/** Creates the schema, and moves DataFlow's tables into it. Answers what was done; empty: no table had to move. */
export async function takePlace(dialect: Dialect, transaction: Transaction): Promise<string[]> {
  const { names, place, ddl, migrations } = dialect;
  if (names.schema === null || (await dialect.hasTable(LOG, names.schema, transaction))) return [];
  const query = (text: string) => migrations.query(text, { transaction, logging: false });
  for (const statement of place.make(names.schema)) await query(statement);
  if (!(await areOurs(dialect, transaction))) return [];
  const moved: string[] = [];
  for (const table of tableNames)
    if (await dialect.hasTable(table, null, transaction)) {
      await query(place.move(table, names));
      moved.push(table);
    }
  for (const statement of place.dropTriggers(names)) await query(statement);
  const triggers = [
    ...(moved.includes("batch_count") ? ddl.countBatches : []),
    ...(moved.includes("batch_work") ? ddl.workTaken : []),
  ];
  for (const statement of triggers) await query(names.in(statement));
  return [`tables into ${names.schema}`];
}

async function areOurs({ hasTable, migrations }: Dialect, transaction: Transaction): Promise<boolean> {
  if (!(await hasTable(LOG, null, transaction)) || !(await hasTable("batch_chunk", null, transaction))) return false;
  const found = await migrations.query(`SELECT "name" FROM "${LOG}" WHERE "name" = '${FIRST_STEP}'`, {
    type: QueryTypes.SELECT,
    transaction,
  });
  return found.length > 0;
}
