/** Clients whose batches wait until an operator resumes them. Null: not paused. */
import type { Migration } from "./ddl.ts";

export const pausedClients: Migration = {
  name: "0052-paused-clients",
  async up({ ddl, query }) {
    await query(`ALTER TABLE "client" ADD "paused_at" ${ddl.types.bigint}`);
    await query(`ALTER TABLE "client" ADD "paused_by" ${ddl.types.name}`);
    await query(`ALTER TABLE "client_queue" ADD "paused_at" ${ddl.types.bigint}`);
    // Claims never write the column, and hardly any client is paused: the index costs them nothing.
    await query('CREATE INDEX "client_queue_paused_ix" ON "client_queue" ("client_id") WHERE "paused_at" IS NOT NULL');
  },
};
