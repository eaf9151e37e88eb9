/** Why attempts at a batch failed, also those after which it went on. */
import type { Table } from "../dialect.ts";
import { createTable } from "./ddl.ts";
import type { Migration } from "./migration.ts";

/** `no`: which of all attempts at the batch it was. */
const batchAttempt: Table = {
  name: "batch_attempt",
  columns: { batch_id: "bigint", no: "int", at: "bigint", node: "name", code: "name", detail: "text" },
  primaryKey: ["batch_id", "no"],
};

export const attempts: Migration = {
  name: "0011-attempts",
  async up({ ddl, query }) {
    for (const statement of createTable(batchAttempt, ddl)) await query(statement);
  },
};
