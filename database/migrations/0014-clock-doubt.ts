/** Stores that the database's clock is in doubt, so that the doubt survives a crash of the process. */
import type { Table } from "../dialect.ts";
import { createTable, type Migration } from "./ddl.ts";

/** The table has one row while the clock is in doubt, and no row otherwise. */
const doubt: Table = {
  name: "clock_doubt",
  columns: { id: "bigint", clock_ms: "bigint", count_ms: "bigint", ahead_ms: "bigint", even_ms: "bigint" },
  primaryKey: ["id"],
};

export const clockDoubt: Migration = {
  name: "0014-clock-doubt",
  async up({ ddl, query }) {
    for (const statement of createTable(doubt, ddl)) await query(statement);
  },
};
