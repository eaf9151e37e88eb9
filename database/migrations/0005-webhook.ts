/** Columns and a table that deliveries to webhooks need in addition to the first schema. */
import type { Table } from "../dialect.ts";
import { createTable, type Migration } from "./ddl.ts";

/**
 * The secrets of webhooks. They are not in the policy, because operators and the client may read all versions of a
 * policy. `old_secrets` is JSON: [{secret, until}].
 */
const secrets: Table = {
  name: "webhook_secret",
  columns: { client_id: "bigint", secret: "name", old_secrets: "text", changed_at: "bigint" },
  primaryKey: ["client_id"],
};

export const webhook: Migration = {
  name: "0005-webhook",
  async up({ ddl, query }) {
    for (const statement of createTable(secrets, ddl)) await query(statement);
    // `tries`: attempts since the delivery was made or replayed. `attempts` counts all attempts, those before a replay
    // included.
    await query(`ALTER TABLE "delivery" ADD "tries" ${ddl.types.int} DEFAULT 0 NOT NULL`);
    // `claim`: the sender that holds the delivery now. NULL: no sender holds the delivery.
    await query(`ALTER TABLE "delivery" ADD "claim" ${ddl.types.uuid}`);
    await query(`CREATE INDEX "delivery_state_id_ix" ON "delivery" ("state", "id")`);
  },
};
