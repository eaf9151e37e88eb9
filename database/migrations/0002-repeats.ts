/** What finds the keys of a lapsed upload, and the keys whose time is over. */
import type { Migration } from "./migration.ts";

export const repeats: Migration = {
  name: "0002-repeats",
  async up({ ddl, query }) {
    // Only of uploads that run, so that the many keys that are done cost this index nothing.
    await query(
      ddl.uploadKeyIndex ??
        `CREATE UNIQUE INDEX "idempotency_key_batch_id_uq" ON "idempotency_key" ("batch_id") WHERE "answer" IS NULL`,
    );
    for (const table of ["idempotency_key", "content_key"])
      await query(`CREATE INDEX "${table}_expires_at_ix" ON "${table}" ("expires_at")`);
  },
};
