/** Indexes for idempotency and dedup: one finds the idempotency key of an upload, the others find expired keys. */
import type { Migration } from "./ddl.ts";

export const repeats: Migration = {
  name: "0002-repeats",
  async up({ ddl, query }) {
    // The index is partial, unless the dialect brings its own: it contains only the keys of uploads without an answer
    // yet. The many answered keys need no entry.
    await query(
      ddl.uploadKeyIndex ??
        `CREATE UNIQUE INDEX "idempotency_key_batch_id_uq" ON "idempotency_key" ("batch_id") WHERE "answer" IS NULL`,
    );
    for (const table of ["idempotency_key", "content_key"])
      await query(`CREATE INDEX "${table}_expires_at_ix" ON "${table}" ("expires_at")`);
  },
};
