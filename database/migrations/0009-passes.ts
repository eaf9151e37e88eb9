/**
 * Passes over a batch: each restart begins a new pass. Errors are numbered by pass, so a restart need not delete old
 * errors. Errors of earlier passes are listed in `stale_errors` until retention deletes them.
 */
import type { Table } from "../dialect.ts";
import { createTable, type Migration } from "./ddl.ts";

/** `pass`: a pass that has ended. `since`: when it ended. */
const staleErrors: Table = {
  name: "stale_errors",
  columns: { batch_id: "bigint", pass: "int", since: "bigint" },
  primaryKey: ["batch_id", "pass"],
  indexes: [["since"]],
};

export const passes: Migration = {
  name: "0009-passes",
  async up({ ddl, query }) {
    // `pass`: how often the batch has started over. Existing errors belong to pass 0, and keep their numbers (PASS of
    // rows.ts).
    await query(`ALTER TABLE "batch" ADD "pass" ${ddl.types.int} DEFAULT 0 NOT NULL`);
    for (const statement of createTable(staleErrors, ddl)) await query(statement);
  },
};
