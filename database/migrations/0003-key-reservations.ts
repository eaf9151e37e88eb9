/**
 * An index for reservations of unique keys. A key is reserved while `expires_at` is set; the commit of its chunk sets
 * NULL.
 */
import type { Migration } from "./ddl.ts";

export const keyReservations: Migration = {
  name: "0003-key-reservations",
  async up({ query }) {
    // The index is partial: an index over all keys would slow down the insert of each record.
    await query('CREATE INDEX "record_key_reserved_ix" ON "record_key" ("batch_id") WHERE "expires_at" IS NOT NULL');
  },
};
