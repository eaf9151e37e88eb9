/** Columns and indexes that let a claim and a search for work skip most clients. */
import type { Migration } from "./ddl.ts";

export const waitingClients: Migration = {
  name: "0012-waiting-clients",
  async up({ ddl, query }) {
    // `began`: the client's `pass` at its last claim. An idle client resumes at the greatest `began` of all clients.
    await query(`ALTER TABLE "client_queue" ADD "began" ${ddl.types.double} DEFAULT 0 NOT NULL`);
    // `due_at`: no batch of the client can be claimed before this time. NULL: no batch is ready. The time may be too
    // early, but never too late.
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
