/** How long a batch's error report is: it has a bound, and what is beyond it is only counted. */
import type { Migration } from "./migration.ts";

export const errorReport: Migration = {
  name: "0006-error-report",
  async up({ ddl, query }) {
    // Reports from before list all their records; one that grows still begins to count here.
    for (const column of ["faults", "unlisted"])
      await query(`ALTER TABLE "batch" ADD "${column}" ${ddl.types.bigint} DEFAULT 0 NOT NULL`);
  },
};
