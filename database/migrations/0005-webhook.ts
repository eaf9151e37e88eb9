/** What deliveries of webhooks need beside the tables of the first step. */
import type { Table } from "../dialect.ts";
import { createTable } from "./ddl.ts";
import type { Migration } from "./migration.ts";

/** Apart from the policy, whose versions anybody may read. `old_secrets`: JSON of [{secret, until}]. */
const secrets: Table = {
  name: "webhook_secret",
  columns: { client_id: "bigint", secret: "name", old_secrets: "text", changed_at: "bigint" },
  primaryKey: ["client_id"],
};

export const webhook: Migration = {
  name: "0005-webhook",
  async up({ ddl, query }) {
    for (const statement of createTable(secrets, ddl)) await query(statement);
    // `tries`: sendings since it was last put in; `attempts` numbers all that were recorded, also those before a replay.
    await query(`ALTER TABLE "delivery" ADD "tries" ${ddl.types.int} DEFAULT 0 NOT NULL`);
    // The sender that has it now; NULL: nobody.
    await query(`ALTER TABLE "delivery" ADD "claim" ${ddl.types.uuid}`);
    await query(`CREATE INDEX "delivery_state_id_ix" ON "delivery" ("state", "id")`);
  },
};
