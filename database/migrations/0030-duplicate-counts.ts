/**
 * How many records of one batch are duplicates of another batch's records. Duplicates older than this migration are not
 * counted.
 */
import type { Table } from "../dialect.ts";
import { createTable, type Migration } from "./ddl.ts";

const duplicateCount: Table = {
  name: "duplicate_count",
  columns: { batch_id: "bigint", by_id: "bigint", n: "bigint" },
  primaryKey: ["batch_id", "by_id"],
  indexes: [["by_id"]],
};

export const duplicateCounts: Migration = {
  name: "0030-duplicate-counts",
  async up({ ddl, query }) {
    for (const statement of createTable(duplicateCount, ddl)) await query(statement);
  },
};
