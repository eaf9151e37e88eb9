/** Counters of batches by state. Counting the rows took a second with three million batches. */
import { ALL, counters } from "../counts.ts";
import type { Table } from "../dialect.ts";
import { createTable, type Migration } from "./ddl.ts";

/** The counter of a state is the sum of its rows. */
const counts: Table = { name: "batch_count", columns: { id: "id", state: "name", n: "bigint" } };

export const batchCount: Migration = {
  name: "0008-batch-count",
  async up({ ddl, query }) {
    for (const statement of [...createTable(counts, ddl), ...ddl.countBatches]) await query(statement);
    if (ddl.rowLocks) await query(ddl.rowLocks(counts.name));
    // CREATE TRIGGER locks the table until the commit, so no batch is added between the trigger and these counts.
    for (const name of counters)
      await query(
        `INSERT INTO "batch_count" ("state", "n") SELECT '${name}', COUNT(*) FROM "batch"${name === ALL ? "" : ` WHERE "state" = '${name}'`}`,
      );
  },
};
