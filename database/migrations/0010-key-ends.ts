/** Unique keys that do not last for ever, and an index for the days of quotas that are over. */
import type { Migration } from "./migration.ts";

export const keyEnds: Migration = {
  name: "0010-key-ends",
  async up({ ddl, query }) {
    // Beside `expires_at`, which is set while a key is reserved only. Keys from before have no end.
    await query(`ALTER TABLE "record_key" ADD "ends_at" ${ddl.types.bigint}`);
    // Filtered: keys that last for ever cost it nothing.
    await query('CREATE INDEX "record_key_ends_at_ix" ON "record_key" ("ends_at") WHERE "ends_at" IS NOT NULL');
    await query('CREATE INDEX "client_usage_day_ix" ON "client_usage" ("day")');
  },
};
