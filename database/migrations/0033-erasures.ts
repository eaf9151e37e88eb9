/** Erasures of clients and of single persons: what each erasure must delete, how far it is, and what it has deleted. */
import type { Table } from "../dialect.ts";
import { createTable, type Migration } from "./ddl.ts";

const erasure: Table = {
  name: "erasure",
  columns: {
    id: "id",
    public_id: "uuid",
    state: "name",
    client_id: "bigint?",
    client_public_id: "uuid?",
    client_identifier: "name?",
    client_version: "bigint?",
    dataset: "name?",
    fields: "text?",
    criteria: "text?",
    waits: "text?",
    last_batch: "bigint",
    after_batch: "bigint",
    step: "name",
    seq: "bigint",
    touched: "int",
    skipped: "bigint?",
    version: "bigint",
    due_at: "bigint",
    batches: "bigint",
    records: "bigint",
    errors: "bigint",
    examples: "bigint",
    bodies: "bigint",
    deliveries: "bigint",
    unique_keys: "bigint",
    created_at: "bigint",
    finished_at: "bigint?",
  },
  unique: [["public_id"]],
};

export const erasures: Migration = {
  name: "0033-erasures",
  async up({ ddl, query }) {
    for (const statement of createTable(erasure, ddl)) await query(statement);
  },
};
