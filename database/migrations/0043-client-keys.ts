/**
 * Further keys of clients, and the time when each key was last used. A client without further keys has only its secret.
 */
import type { Table } from "../dialect.ts";
import { createTable, type Migration } from "./ddl.ts";

const use: Table = {
  name: "client_key_use",
  columns: { client_id: "bigint", key_id: "name", used_at: "bigint" },
  primaryKey: ["client_id", "key_id"],
};

export const clientKeys: Migration = {
  name: "0043-client-keys",
  async up({ ddl, query }) {
    await query(`ALTER TABLE "client" ADD "keys" ${ddl.types.text}`);
    for (const statement of createTable(use, ddl)) await query(statement);
  },
};
