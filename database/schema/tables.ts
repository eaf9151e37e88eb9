/**
 * All tables. Those of batches, clients and keys have a file each; those of events, order, the lock and the clock are here. Times are
 * epoch ms by the database's clock. For the meaning of states and counts see the domain types of the services (batch.domain.ts,
 * webhook.domain.ts).
 *
 * CONTRIBUTING.md lists the files to change for a new column and for a new query. For a column of `batch_work` see also `staying`
 * in rows.ts.
 */
import type { DeliveryState } from "../../services/webhook/webhook.domain.ts";
import { table, typed } from "./table.ts";

export * from "./alerts.ts";
export * from "./batches.ts";
export * from "./clients.ts";
export * from "./erasures.ts";
export * from "./figures.ts";
export * from "./keys.ts";

export const batchLock = table(
  "batch_lock",
  { name: "name", token: "name", expiresAt: "bigint" },
  { key: ["name"], writers: ["batchLock"] },
);

/** The doubt about the clock at the last look (database/clock.doubt.ts): one row, or none. */
export const clockDoubt = table(
  "clock_doubt",
  { id: "bigint", clockMs: "bigint", countMs: "bigint", aheadMs: "bigint", evenMs: "bigint" },
  { key: ["id"], writers: ["batch", "retention"] },
);

/** The events that are still to be published. */
export const outbox = table(
  "outbox",
  { id: "id", topic: "name", body: "text", dueAt: "bigint", attempts: "int" },
  { key: ["id"], writers: ["batch", "imports", "clientCache", "policy", "outbox"] },
);

/** Deliveries to webhooks. */
export const delivery = table(
  "delivery",
  {
    id: "id",
    publicId: "uuid",
    batchId: "bigint",
    clientId: "bigint",
    event: "name",
    /** The JSON document to send. */
    body: "text",
    state: typed<DeliveryState>("name"),
    dueAt: "bigint?",
    /** How many attempts were recorded, including those before a replay. */
    attempts: "int",
    createdAt: "bigint",
    /** Attempts since the delivery was made or replayed. */
    tries: "int",
    /** The sender that holds the delivery now. Null: nobody. */
    claim: "uuid?",
  },
  { key: ["id"], writers: ["batch", "imports", "webhook", "retention"] },
);

export const deliveryAttempt = table(
  "delivery_attempt",
  {
    deliveryId: "bigint",
    no: "int",
    at: "bigint",
    /** The HTTP status of the answer. Null: there was no answer. */
    status: "int?",
    error: "text?",
    ms: "int",
  },
  { key: ["deliveryId", "no"], writers: ["webhook", "retention"] },
);

// The order of batches: lanes, and the places of batches in lanes. A client has a lane for each dataset that keeps an
// order.

/** A commit that takes a place locks the lane's row until its end. So places rise in the order of the commits. */
export const orderLane = table(
  "order_lane",
  {
    clientId: "bigint",
    lane: "name",
    /** How many places the lane has given out so far. */
    places: "bigint",
  },
  { key: ["clientId", "lane"], writers: ["imports", "batch"] },
);

/** The place of a batch in its lane. The row is deleted when the batch leaves the lane or is skipped. */
export const orderPlace = table(
  "order_place",
  { clientId: "bigint", lane: "name", place: "bigint", batchId: "bigint" },
  { key: ["clientId", "lane", "place"], writers: ["imports", "batch"] },
);
