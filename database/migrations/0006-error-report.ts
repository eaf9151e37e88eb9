/** The size of a batch's error report. Beyond its bound, rejected records are only counted. */
import type { Migration } from "./ddl.ts";

export const errorReport: Migration = {
  name: "0006-error-report",
  async up({ ddl, query }) {
    // Older reports list all their records. A report that still grows counts from 0 here.
    for (const column of ["faults", "unlisted"])
      await query(`ALTER TABLE "batch" ADD "${column}" ${ddl.types.bigint} DEFAULT 0 NOT NULL`);
  },
};
