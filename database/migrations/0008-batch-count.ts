/** Counters of batches by state. Without counters, counting three million batches took a second. */
import { ALL, counters } from "../counts.ts";
import type { Table } from "../dialect.ts";
import { createTable, type Migration } from "./ddl.ts";

/** A state may have several rows: its counter is the sum of their `n`. */
const counts: Table = { name: "batch_count", columns: { id: "id", state: "name", n: "bigint" } };

export const batchCount: Migration = {
  name: "0008-batch-count",
  async up({ ddl, query }) {
    for (const statement of [...createTable(counts, ddl), ...ddl.countBatches]) await query(statement);
    if (ddl.rowLocks) await query(ddl.rowLocks(counts.name));
    // CREATE TRIGGER locks the table until the commit, so no batch is inserted between the trigger and these first
    // counts.
    for (const name of counters)
      await query(
        `INSERT INTO "batch_count" ("state", "n") SELECT '${name}', COUNT(*) FROM "batch"${name === ALL ? "" : ` WHERE "state" = '${name}'`}`,
      );
  },
};
