/** The tables of the history of figures. */
import { table } from "./table.ts";

const figures = {
  accepted: "bigint",
  rejected: "bigint",
  duplicate: "bigint",
  bytes: "bigint",
  batchesCompleted: "bigint",
  batchesCompletedWithErrors: "bigint",
  batchesFailed: "bigint",
  batchesRejected: "bigint",
  batchesCancelled: "bigint",
  batchesValidated: "bigint",
  batchesUndone: "bigint",
  requestsAllowed: "bigint",
  requestsRefused: "bigint",
  deliveriesDelivered: "bigint",
  deliveriesRetried: "bigint",
  deliveriesFailed: "bigint",
  claims: "bigint",
  claimMs: "bigint",
  queueAgeMs: "bigint",
} as const;

/**
 * A process's counts of one minute: for all clients (id 0), and for the clients with most records. Only that process
 * writes them.
 */
export const statMinute = table(
  "stat_minute",
  { clientId: "bigint", at: "bigint", node: "name", run: "uuid", ...figures },
  { key: ["clientId", "at", "node", "run"], writers: ["stats"] },
);

/** Sums of minutes by hour. An hour may have several rows. */
export const statHour = table(
  "stat_hour",
  { id: "id", clientId: "bigint", at: "bigint", ...figures },
  { key: ["id"], writers: ["retention"] },
);
