/** Tables of a connection's own, loaded before the batch that reads them: nothing is locked while rows come in. */
import mssql from "mssql";
import type { Kind } from "./values.ts";

/** Rows that are loaded into a table of the connection's own before the batch runs. */
export interface Staged {
  /** With its `#`. */
  name: string;
  columns: Record<string, Kind>;
  /** In the order of the columns. */
  rows: unknown[][];
}

/** Made anew for each use: what a failed batch left must not come back, and the columns may be others. */
export const tableText = (tables: Staged[]) =>
  tables
    .map(({ name, columns }) => {
      const list = Object.entries(columns).map(([column, { sql }]) => `"${column}" ${sql} NULL`);
      return `DROP TABLE IF EXISTS ${name}; CREATE TABLE ${name} (${list.join(", ")});`;
    })
    .join("\n");

/** As the driver loads it. */
export function bulkOf({ name, columns, rows }: Staged): mssql.Table {
  const table = new mssql.Table(name);
  for (const [column, { type }] of Object.entries(columns)) table.columns.add(column, type(), { nullable: true });
  for (const row of rows) table.rows.push(row as mssql.IRow);
  return table;
}
