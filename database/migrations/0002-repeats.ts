/** Indexes for idempotency and dedup: they find the key of an expired upload, and expired keys. */
import type { Migration } from "./ddl.ts";

export const repeats: Migration = {
  name: "0002-repeats",
  async up({ ddl, query }) {
    // Partial: it has only the keys of running uploads, so the many keys with an answer cost it nothing.
    await query(
      ddl.uploadKeyIndex ??
        `CREATE UNIQUE INDEX "idempotency_key_batch_id_uq" ON "idempotency_key" ("batch_id") WHERE "answer" IS NULL`,
    );
    for (const table of ["idempotency_key", "content_key"])
      await query(`CREATE INDEX "${table}_expires_at_ix" ON "${table}" ("expires_at")`);
  },
};
