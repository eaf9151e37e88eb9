/** What a claim and a look for work read by an index, instead of the rows of all clients. */
import type { Migration } from "./migration.ts";

export const waitingClients: Migration = {
  name: "0012-waiting-clients",
  async up({ ddl, query }) {
    // The `pass` at which the client's last claim began. The greatest of all is where an idle client starts again.
    await query(`ALTER TABLE "client_queue" ADD "began" ${ddl.types.double} DEFAULT 0 NOT NULL`);
    // No batch of the client can be claimed before this time; NULL: none is ready. It may be too early, and never too late.
    await query(`ALTER TABLE "client_queue" ADD "due_at" ${ddl.types.bigint}`);
    await query(`UPDATE "client_queue" SET "began" = "pass" - 1000.0 / "weight"`);
    await query(
      `UPDATE "client_queue" SET "due_at" = (SELECT min(b."due_at") FROM "batch" b
        WHERE b."state" = 'ready' AND b."client_id" = "client_queue"."client_id")`,
    );
    await query('CREATE INDEX "client_queue_began_ix" ON "client_queue" ("began")');
    await query(
      `CREATE INDEX "client_queue_waiting_ix" ON "client_queue" ("pass", "due_at", "client_id") WHERE "due_at" IS NOT NULL`,
    );
  },
};
