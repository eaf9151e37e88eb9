/** Operators with tokens of their own. The operator of ADMIN_TOKEN has no row. */
import type { Table } from "../dialect.ts";
import { createTable, type Migration } from "./ddl.ts";

const operator: Table = {
  name: "operator",
  columns: {
    id: "id",
    tag: "name",
    name: "name",
    role: "name",
    token_hash: "hash",
    expires_at: "bigint?",
    deleted_at: "bigint?",
    version: "int",
    changed_at: "bigint",
    created_at: "bigint",
  },
  unique: [["tag"], ["name"]],
  indexes: [["changed_at"]],
};

export const operators: Migration = {
  name: "0040-operators",
  async up({ ddl, query }) {
    for (const statement of createTable(operator, ddl)) await query(statement);
  },
};
