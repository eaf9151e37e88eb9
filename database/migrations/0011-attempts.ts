/** Why attempts at a batch have failed, including attempts that were retried. */
import type { Table } from "../dialect.ts";
import { createTable, type Migration } from "./ddl.ts";

/** `no`: the number of the attempt among all attempts at the batch. */
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
