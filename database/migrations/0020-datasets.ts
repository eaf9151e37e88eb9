/**
 * Datasets: kinds of import that several clients share. Existing batches get `default`, the client's own policy. So do
 * new batches of nodes of the previous release, which do not know datasets.
 */
import type { Table } from "../dialect.ts";
import { createTable, type Migration } from "./ddl.ts";

const tables: Table[] = [
  {
    name: "shared_dataset",
    columns: {
      name: "name",
      version: "int",
      since: "int",
      body: "text?",
      clients: "int",
      grant_changes: "int",
      changed_at: "bigint",
    },
    primaryKey: ["name"],
    indexes: [["changed_at"]],
  },
  {
    name: "dataset_grant",
    columns: { client_id: "bigint", dataset: "name", version: "int", override: "text?", changed_at: "bigint" },
    primaryKey: ["client_id", "dataset"],
    indexes: [["dataset"], ["changed_at"]],
  },
  {
    name: "dataset_pin",
    columns: {
      id: "id",
      client_id: "bigint",
      dataset: "name",
      policy_version: "int",
      dataset_version: "int",
      grant_version: "int",
      body: "text",
      created_at: "bigint",
    },
    unique: [["client_id", "dataset", "policy_version", "dataset_version", "grant_version"]],
    indexes: [["created_at"]],
  },
];

export const datasets: Migration = {
  name: "0020-datasets",
  async up({ ddl, query }) {
    for (const table of tables) for (const statement of createTable(table, ddl)) await query(statement);
    await query(`ALTER TABLE "batch" ADD "dataset" ${ddl.types.name} DEFAULT 'default' NOT NULL`);
    await query(`ALTER TABLE "batch" ADD "dedup_hash" ${ddl.types.hash}`);
  },
};
