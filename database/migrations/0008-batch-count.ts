/** Counters of batches by state: counting the rows took a second at three million of them. */
import { ALL, counters } from "../counts.ts";
import type { Table } from "../dialect.ts";
import { createTable } from "./ddl.ts";
import type { Migration } from "./migration.ts";

/** Several rows of one state add up. */
const counts: Table = { name: "batch_count", columns: { id: "id", state: "name", n: "bigint" } };

export const batchCount: Migration = {
  name: "0008-batch-count",
  async up({ ddl, query }) {
    for (const statement of [...createTable(counts, ddl), ...ddl.countBatches]) await query(statement);
    if (ddl.rowLocks) await query(ddl.rowLocks(counts.name));
    // Whoever makes a trigger holds the table until the commit: nobody adds a batch between it and these.
    for (const name of counters)
      await query(
        `INSERT INTO "batch_count" ("state", "n") SELECT '${name}', COUNT(*) FROM "batch"${name === ALL ? "" : ` WHERE "state" = '${name}'`}`,
      );
  },
};
