/** The example batch in each of its states, as its client and as operators see it. */
import { knownFormats } from "../../../formats/formats.ts";
import { ids } from "./examples.ts";

const ordersNdjson = knownFormats.ndjson.examples.orders;

const self = `/imports/${ids.batch}`;

/** The example batch after its upload. */
export const readyBatch = {
  id: ids.batch,
  status: "ready",
  dataset: "default",
  format: "ndjson",
  counts: { received: 2, accepted: 0, rejected: 0, duplicate: 0 },
  bytes: Buffer.byteLength(ordersNdjson),
  checksum: "sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:",
  progress: 0,
  attempts: 0,
  hold: null,
  error: null,
  retryOf: null,
  requestId: ids.request,
  createdAt: "2026-11-23T08:00:00.000Z",
  readyAt: "2026-11-23T08:00:00.004Z",
  startedAt: null,
  finishedAt: null,
  links: { self, errors: `${self}/errors`, records: `${self}/records`, events: `${self}/events` },
};

/** The example batch after its end. */
export const endedBatch = {
  ...readyBatch,
  status: "completed_with_errors",
  dataset: "default",
  counts: { received: 2, accepted: 1, rejected: 1, duplicate: 0 },
  progress: 1,
  attempts: 1,
  startedAt: "2026-11-23T08:00:00.009Z",
  finishedAt: "2026-11-23T08:00:00.021Z",
};

const failedAttempt = {
  at: "2026-11-23T08:00:00.007Z",
  node: "worker-1",
  code: "handler-failed",
  detail: "orders.import: connect ECONNREFUSED 10.0.0.7:5432",
};

/** The example batch when it was only checked. */
export const validatedBatch = { ...endedBatch, status: "validated", validateOnly: true };

export const cancelledBatch = { ...readyBatch, status: "cancelled", finishedAt: "2026-11-23T08:00:02.000Z" };

/** The example batch when it waits for an operator's approval. */
export const heldBatch = {
  ...readyBatch,
  status: "held",
  dataset: "orders",
  hold: { reason: "approval", until: null },
  readyAt: null,
};

export const rejectedBatch = {
  ...readyBatch,
  status: "rejected",
  readyAt: null,
  error: { code: "rejected-by-operator", detail: "Sent twice." },
  finishedAt: "2026-11-23T08:05:00.000Z",
};

export const undoingBatch = {
  ...endedBatch,
  status: "undoing",
  error: { code: "undone-by-operator", detail: "Last year's prices." },
};

export const retriedBatch = {
  ...readyBatch,
  counts: { received: 1, accepted: 0, rejected: 0, duplicate: 0 },
  retryOf: ids.batch,
};

/** The members that only operators see of the example batch. */
export const forOperators = {
  clientId: ids.client,
  client: { id: ids.client, clientIdentifier: "a-shop", name: "A shop" },
  policyVersion: 1,
  run: null,
  waits: null,
  waitsUntil: null,
  lastAttempt: null,
};

/** The members that are shown only if one batch alone is asked for. */
export const batchDetails = {
  idempotencyKey: "orders-2026-11-23",
  children: [],
  bodyKeptUntil: null,
  expiresAt: "2026-12-23T08:00:00.021Z",
};

export const operatorBatch = { ...endedBatch, ...forOperators, attempts: 2, lastAttempt: failedAttempt };
