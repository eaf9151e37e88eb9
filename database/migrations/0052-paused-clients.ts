/**
 * `paused_at`: when an operator paused the client. The client's batches wait until an operator resumes it. NULL: not
 * paused.
 */
import type { Migration } from "./ddl.ts";

export const pausedClients: Migration = {
  name: "0052-paused-clients",
  async up({ ddl, query }) {
    await query(`ALTER TABLE "client" ADD "paused_at" ${ddl.types.bigint}`);
    await query(`ALTER TABLE "client" ADD "paused_by" ${ddl.types.name}`);
    await query(`ALTER TABLE "client_queue" ADD "paused_at" ${ddl.types.bigint}`);
    // Claims never write `paused_at`, and few clients are paused, so the index does not slow claims down.
    await query('CREATE INDEX "client_queue_paused_ix" ON "client_queue" ("client_id") WHERE "paused_at" IS NOT NULL');
  },
};
