/**
 * Columns and a counter for batches that are only checked: the time when such a batch was committed, and the number of
 * batches that are `validated`.
 */
import type { Migration } from "./ddl.ts";

export const checked: Migration = {
  name: "0027-checked",
  async up({ ddl, query }) {
    await query(`ALTER TABLE "batch" ADD "committed_at" ${ddl.types.bigint}`);
    for (const statement of ddl.countAnew) await query(statement);
    await query(
      `INSERT INTO "batch_count" ("state", "n") SELECT 'validated', 0 WHERE NOT EXISTS (SELECT 1 FROM "batch_count" WHERE "state" = 'validated')`,
    );
  },
};
