/** Unique keys that expire, and an index to delete the usage of past days. */
import type { Migration } from "./ddl.ts";

export const keyEnds: Migration = {
  name: "0010-key-ends",
  async up({ ddl, query }) {
    // `ends_at`: when the key expires. `expires_at` has another meaning: it marks a reserved key. Existing keys never
    // expire.
    await query(`ALTER TABLE "record_key" ADD "ends_at" ${ddl.types.bigint}`);
    // The index is partial, because keys that never expire need no entry.
    await query('CREATE INDEX "record_key_ends_at_ix" ON "record_key" ("ends_at") WHERE "ends_at" IS NOT NULL');
    await query('CREATE INDEX "client_usage_day_ix" ON "client_usage" ("day")');
  },
};
