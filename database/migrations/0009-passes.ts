/**
 * Passes over a batch. A batch can start over however many errors it has: errors are numbered by pass, and those of earlier passes
 * are listed in `stale_errors` until retention has deleted them.
 */
import type { Table } from "../dialect.ts";
import { createTable, type Migration } from "./ddl.ts";

/** `pass`: the earlier pass. `since`: when it ended. */
const staleErrors: Table = {
  name: "stale_errors",
  columns: { batch_id: "bigint", pass: "int", since: "bigint" },
  primaryKey: ["batch_id", "pass"],
  indexes: [["since"]],
};

export const passes: Migration = {
  name: "0009-passes",
  async up({ ddl, query }) {
    // How often the batch has started over. Existing errors belong to pass 0, and keep their numbers (rows.ts, PASS).
    await query(`ALTER TABLE "batch" ADD "pass" ${ddl.types.int} DEFAULT 0 NOT NULL`);
    for (const statement of createTable(staleErrors, ddl)) await query(statement);
  },
};
