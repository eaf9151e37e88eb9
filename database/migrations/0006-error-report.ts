/**
 * The size of a batch's error report. When the report has reached its limit, further rejected records are only counted.
 */
import type { Migration } from "./ddl.ts";

export const errorReport: Migration = {
  name: "0006-error-report",
  async up({ ddl, query }) {
    // Reports of earlier releases list all their records. A report that still grows starts counting at 0.
    for (const column of ["faults", "unlisted"])
      await query(`ALTER TABLE "batch" ADD "${column}" ${ddl.types.bigint} DEFAULT 0 NOT NULL`);
  },
};
