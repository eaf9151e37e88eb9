/** Alerts for the operators' chat: the notes to send, and for each kind of alert the node that writes its message. */
import type { Table } from "../dialect.ts";
import { createTable, type Migration } from "./ddl.ts";

const kinds: Table = {
  name: "alert",
  columns: { kind: "name", due_at: "bigint", claim: "uuid?", tries: "int", pending: "text?" },
  primaryKey: ["kind"],
};

const notes: Table = {
  name: "alert_note",
  columns: { public_id: "uuid", kind: "name", at: "bigint", about: "text" },
  primaryKey: ["public_id"],
  indexes: [["kind", "at"]],
};

export const alerts: Migration = {
  name: "0062-alerts",
  async up({ ddl, query }) {
    for (const table of [kinds, notes]) for (const statement of createTable(table, ddl)) await query(statement);
  },
};
