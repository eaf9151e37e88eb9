/** The history of the statistics: figures by minute, which are later summed up by hour. */
import type { ColumnKind, Table } from "../dialect.ts";
import { createTable, type Migration } from "./ddl.ts";

const names = [
  "accepted",
  "rejected",
  "duplicate",
  "bytes",
  "batches_completed",
  "batches_completed_with_errors",
  "batches_failed",
  "batches_rejected",
  "batches_cancelled",
  "batches_validated",
  "batches_undone",
  "requests_allowed",
  "requests_refused",
  "deliveries_delivered",
  "deliveries_retried",
  "deliveries_failed",
  "claims",
  "claim_ms",
  "queue_age_ms",
];
const figures = Object.fromEntries(names.map((name) => [name, "bigint" as ColumnKind]));

const minutes: Table = {
  name: "stat_minute",
  columns: { client_id: "bigint", at: "bigint", node: "name", run: "uuid", ...figures },
  primaryKey: ["client_id", "at", "node", "run"],
  indexes: [["at"]],
};

const hours: Table = {
  name: "stat_hour",
  columns: { id: "id", client_id: "bigint", at: "bigint", ...figures },
  indexes: [["at"], ["client_id", "at"]],
};

export const stats: Migration = {
  name: "0050-stats",
  async up({ ddl, query }) {
    for (const table of [minutes, hours]) for (const statement of createTable(table, ddl)) await query(statement);
  },
};
