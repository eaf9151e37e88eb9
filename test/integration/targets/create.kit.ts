/** Tests that a missing table is created as the dataset needs it. */
import { createTable, newTable, plannedTable } from "../../../database/targets/create.ts";
import type { TargetDatabases } from "../../../database/targets/databases.ts";
import { planTable } from "../../../database/targets/plan.ts";
import type { TableDocument, TargetDialect, TargetTable } from "../../../database/targets/target.ts";
import { described } from "./kit.ts";

export const schema = {
  properties: {
    no: { type: "string", maxLength: 20 },
    qty: { type: ["integer", "null"] },
    price: { type: "number" },
    paid: { type: "boolean" },
    day: { type: "string", format: "date" },
    at: { type: "string", format: "date-time" },
    ref: { type: "string", format: "uuid" },
    lines: { type: "array", items: { type: "object" } },
    address: { type: "object", properties: { city: { type: "string" } } },
    any: {},
    op: { type: "string" },
  },
};

export const document = (about: Partial<TableDocument> = {}): TableDocument => ({
  database: null,
  name: "made",
  mode: "upsert",
  key: ["no"],
  columns: null,
  absent: "keep",
  newer: null,
  delete: { field: "op", values: ["D"] },
  create: true,
  messages: {},
  ...about,
});

export const textOf = (dialect: TargetDialect, about: Partial<TableDocument> = {}) =>
  newTable({ database: null, dialect, schema: "s", name: 'o"]; --' }, document(about), schema).text;

/** Creates the table, and answers what the catalog says of it. The plan from before must also fit the real table. */
export async function made(targets: TargetDatabases, about: Partial<TableDocument> = {}): Promise<TargetTable> {
  const wanted = document(about);
  const database = targets.find(wanted.database);
  if (!database) throw new Error("no such database");
  const planned = await plannedTable(database, wanted, schema, targets.allowed);
  if ("faults" in planned) throw new Error(JSON.stringify(planned.faults));
  const before = planTable(wanted, schema, planned.table);
  if ("faults" in before) throw new Error(JSON.stringify(before.faults));
  // Another node may create the table at the same time, so a second creation is no error.
  expect(await createTable(database, planned)).toBeNull();
  expect(await createTable(database, planned)).toBeNull();
  const table = await described(targets, wanted.name, wanted.database);
  if (typeof table === "string") throw new Error(table);
  const after = planTable(wanted, schema, table);
  expect(after).toMatchObject({ plan: { key: before.plan.key } });
  return table;
}
