/**
 * `secret_at`: since when the client has its secret; NULL: unknown. `webhook_off_at`: since when the webhook of the
 * client is off because its receiver answered 410; NULL: the webhook is not off.
 */
import type { Migration } from "./ddl.ts";

export const clientTimes: Migration = {
  name: "0056-client-times",
  async up({ ddl, query }) {
    await query(`ALTER TABLE "client" ADD "secret_at" ${ddl.types.bigint}`);
    await query(`ALTER TABLE "client" ADD "webhook_off_at" ${ddl.types.bigint}`);
    // A secret that was never rotated is as old as its client. There are far fewer clients than batches.
    await query('UPDATE "client" SET "secret_at" = "created_at" WHERE "old_secret_hash" IS NULL');
    await query(
      'CREATE INDEX "client_webhook_off_ix" ON "client" ("webhook_off_at") WHERE "webhook_off_at" IS NOT NULL',
    );
  },
};
