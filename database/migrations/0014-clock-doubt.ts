/** A doubt about the database's clock, which has to outlive a crash of the process that has it. */
import type { Table } from "../dialect.ts";
import { createTable } from "./ddl.ts";
import type { Migration } from "./migration.ts";

/** One row while there is a doubt. */
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
