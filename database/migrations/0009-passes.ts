/**
 * A batch whose first pass failed can be driven again whatever the number of its errors: they are numbered by pass, and those of
 * an earlier pass wait here until Retention has deleted them.
 */
import type { Table } from "../dialect.ts";
import { createTable } from "./ddl.ts";
import type { Migration } from "./migration.ts";

/** `pass`: the pass that is over. `since`: when it was. */
const staleErrors: Table = {
  name: "stale_errors",
  columns: { batch_id: "bigint", pass: "int", since: "bigint" },
  primaryKey: ["batch_id", "pass"],
  indexes: [["since"]],
};

export const passes: Migration = {
  name: "0009-passes",
  async up({ ddl, query }) {
    // Times that the batch was begun anew. Errors that are there are those of pass 0 and stay as they are (rows.ts, PASS).
    await query(`ALTER TABLE "batch" ADD "pass" ${ddl.types.int} DEFAULT 0 NOT NULL`);
    for (const statement of createTable(staleErrors, ddl)) await query(statement);
  },
};
