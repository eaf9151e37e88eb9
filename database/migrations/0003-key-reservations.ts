/** Unique keys that are reserved until their chunk is committed: `expires_at` is set as long as that lasts. */
import type { Migration } from "./migration.ts";

export const keyReservations: Migration = {
  name: "0003-key-reservations",
  async up({ query }) {
    // Filtered: one more index over all keys would cost each record, this one only those under way.
    await query('CREATE INDEX "record_key_reserved_ix" ON "record_key" ("batch_id") WHERE "expires_at" IS NOT NULL');
  },
};
