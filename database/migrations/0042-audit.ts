/**
 * The audit log. Migration 0001 made a table of the same name that no release has written; this migration replaces the
 * table.
 */
import type { Table } from "../dialect.ts";
import { createTable, type Migration } from "./ddl.ts";

const entries: Table = {
  name: "audit",
  columns: {
    id: "id",
    public_id: "uuid",
    at: "bigint",
    who: "name?",
    role: "name?",
    address: "name?",
    request_id: "name?",
    action: "name",
    subject_type: "name?",
    subject_id: "name?",
    subject_name: "name?",
    change: "text?",
    reason: "text?",
    status: "name",
  },
  indexes: [["at"], ["who", "id"], ["action", "id"], ["subject_id", "id"], ["subject_name", "id"]],
};

export const audit: Migration = {
  name: "0042-audit",
  async up({ ddl, query }) {
    await query('DROP TABLE "audit"');
    for (const statement of createTable(entries, ddl)) await query(statement);
  },
};
