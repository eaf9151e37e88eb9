/** Reservations of unique keys. `expires_at` is set until the chunk is committed. */
import type { Migration } from "./ddl.ts";

export const keyReservations: Migration = {
  name: "0003-key-reservations",
  async up({ query }) {
    // Partial: an index over all keys would cost every record; this one costs only reserved keys.
    await query('CREATE INDEX "record_key_reserved_ix" ON "record_key" ("batch_id") WHERE "expires_at" IS NOT NULL');
  },
};
