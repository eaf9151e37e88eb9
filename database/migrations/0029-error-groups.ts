/**
 * Groups of a batch's faults, counted by field and code. Batches older than this migration have no groups, only a total
 * of their faults.
 */
import type { Table } from "../dialect.ts";
import { createTable, type Migration } from "./ddl.ts";

const errorGroup: Table = {
  name: "error_group",
  columns: {
    batch_id: "bigint",
    pass: "int",
    name: "name",
    field: "text?",
    code: "name?",
    message: "text?",
    examples: "text?",
    n: "bigint",
    first_record: "bigint?",
    first_line: "bigint?",
  },
  primaryKey: ["batch_id", "pass", "name"],
};

export const errorGroups: Migration = {
  name: "0029-error-groups",
  async up({ ddl, query }) {
    for (const statement of createTable(errorGroup, ddl)) await query(statement);
  },
};
