/** Plans of tables that exist in no database, for tests of code that runs before any SQL. */

import type { PlannedColumn, TablePlan, TargetColumn, TargetTable } from "../../database/targets/target.ts";
import type { RecordAbout } from "../../database/targets/values.ts";

export function column(name: string, about: Partial<TargetColumn> = {}): TargetColumn {
  const nothing = { element: null, maxLength: null, precision: null, scale: null, range: null, values: null };
  const kind = about.kind ?? "text";
  return { name, kind, type: kind, isNotNull: false, hasDefault: false, isReadOnly: false, ...nothing, ...about };
}

export function tableOf(columns: TargetColumn[], about: Partial<TargetTable> = {}): TargetTable {
  const place = { database: null, dialect: "postgres", schema: "public", name: "t" } as const;
  return { ...place, columns, keys: [], toldConstraints: null, hindrances: [], ...about };
}

/** A plan with these columns. Each column is filled from the path of the same name. */
export function planOf(columns: (TargetColumn | PlannedColumn)[], about: Partial<TablePlan> = {}): TablePlan {
  const planned = columns.map((one) => ("column" in one ? one : { column: one, source: { path: [one.name] } }));
  const plan: TablePlan = {
    table: tableOf(planned.map((one) => one.column)),
    mode: "insert",
    key: [],
    columns: planned,
    absent: "keep",
    newer: null,
    delete: null,
    messages: {},
    references: [],
  };
  return { ...plan, ...about };
}

/** What is known of a record beside its text. */
export const about: RecordAbout = {
  batchId: "0193a1c2-7d4e-7b60-8f3a-2c5d9e0b1a47",
  clientId: "0193a1c2-7d4e-7b60-8f3a-2c5d9e0b1a48",
  clientIdentifier: "a-shop",
  dataset: "orders",
  record: 17,
  line: 18,
  receivedAt: "2026-11-29T13:45:00.000Z",
};
