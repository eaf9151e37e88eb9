/** The examples of the OpenAPI document: one import of orders, and its client. */
import { knownFormats } from "../../../formats/formats.ts";

export const ids = {
  client: "0193b2ee-11d4-7f0a-8a9e-6f4f5d0c7b21",
  batch: "0193b2f0-7a10-7c3e-9a53-2f6d1c9be001",
  delivery: "0193b2f0-8c44-7b1d-b6f0-0d5a3be7c9e2",
  request: "0193b2f0-6c1e-7a55-8d1f-5a0e4bb1c0de",
  erasure: "0193b2f1-1a10-7c3e-9a53-2f6d1c9be0aa",
  key: "0193b2ef-5d20-7e41-9c07-3b8a6f1d2e44",
  event: "0193b2f0-8c44-7b1d-b6f0-0d5a3be7c9e1",
};

/** It looks like a cursor. It is not valid: each cursor is valid for its own list only. */
export const cursor = "kSx0f3pQe1bN5vG2uYcD7wHtLr9ZaM4oXj6iEKqWsB8nPdTy";

const ordersNdjson = knownFormats.ndjson.examples.orders;
const [storedOrder, refusedOrder] = knownFormats.json.examples.array;

const self = `/imports/${ids.batch}`;

/** The batch after its upload. */
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

/** The batch after its end. */
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

/** A batch that was only checked. */
export const validatedBatch = { ...endedBatch, status: "validated", validateOnly: true };
export const cancelledBatch = { ...readyBatch, status: "cancelled", finishedAt: "2026-11-23T08:00:02.000Z" };
/** A batch that an operator is to approve. */
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

export const rejectedRecord = {
  record: 2,
  line: 2,
  errors: [{ field: "quantity", code: "minimum", message: "must be >= 1", value: "0" }],
  raw: JSON.stringify(refusedOrder),
};
export const rejectedCsv =
  "record,line,field,code,message,raw,column,value\r\n" +
  `2,2,quantity,minimum,must be >= 1,"${JSON.stringify(refusedOrder).replaceAll('"', '""')}",,0\r\n`;
export const rejectedLine = `${JSON.stringify({ _record: 2, _errors: "quantity: must be >= 1", ...refusedOrder })}\n`;
export const rejectedRow =
  "\ufeff_record,_errors,order_id,sku,quantity\r\n2,quantity: must be >= 1,SO-100005,SPOON-OAK,0\r\n";
export const errorSummary = {
  total: 1,
  records: 1,
  groups: [
    {
      field: "quantity",
      code: "minimum",
      count: 1,
      firstRecord: 2,
      firstLine: 2,
      message: "must be >= 1",
      values: ["0"],
    },
  ],
  other: { count: 0 },
};
export const storedRecord = { record: 1, data: storedOrder };

export const client = {
  id: ids.client,
  clientIdentifier: "a-shop",
  name: "A shop",
  status: "active",
  legalHold: false,
  paused: false,
  pausedAt: null,
  pausedBy: null,
  createdAt: "2026-11-01T09:30:00.000Z",
};
export const usage = {
  requests: {
    limit: 120,
    windowSeconds: 60,
    used: 17,
    remaining: 103,
    resetsAt: "2026-11-23T08:00:42.000Z",
    store: "redis",
  },
  day: {
    bytes: { used: 5_242_880, limit: 1_073_741_824 },
    records: { used: 40_000, limit: null },
    resetsAt: "2026-11-24T00:00:00.000Z",
  },
  uploads: { running: 1, limit: 16 },
  batches: { running: 2, ready: 5, held: 0, limit: 2 },
  streams: { open: 1, limit: 2_000 },
};
export const secret = "vB3kq0mY8Zr1tXc5nWd7uEf9gHi2jKl4oPs6aQz0xTe";
export const webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwu8vOmSPnQ0E=";

export const webhook = { url: "https://partner.example/hooks", events: ["batch.completed"] };

export const delivery = {
  id: ids.delivery,
  batchId: ids.batch,
  clientId: ids.client,
  clientIdentifier: client.clientIdentifier,
  event: "batch.completed",
  status: "pending",
  nextAt: "2026-11-23T08:05:00.000Z",
  createdAt: "2026-11-23T08:00:00.021Z",
  url: webhook.url,
  attempts: [{ at: "2026-11-23T08:00:00.100Z", status: 502, error: "The answer was 502.", ms: 31 }],
};

export const readiness = {
  status: "ok",
  checks: { database: { status: "up", latencyMs: 0.21 }, redis: "off", rabbitmq: "off" },
};

const rates = {
  acceptedPerSecond: 4812.4,
  rejectedPerSecond: 3.1,
  duplicatePerSecond: 0,
  bytesPerSecond: 1203100,
  requestsPerSecond: 0.8,
  batchesPerSecond: 0.5,
};

export const stats = {
  version: "1.0.0",
  startedAt: "2026-11-23T07:00:00.000Z",
  readiness: {
    status: "ok",
    checks: { database: { status: "up", latencyMs: 0.41 }, redis: "off", rabbitmq: "off" },
  },
  rates,
  deliveries: { due: 0, oldestDueAgeMs: null, failed24h: 0 },
  queue: {
    oldestReadyAgeMs: null,
    oldestReady: null,
    waitsForItsClient: { batches: 0, oldestAgeMs: null },
    ready: 0,
    processing: 1,
    held: 0,
    outbox: 0,
    oldestOutboxAgeMs: null,
  },
  batches: { processing: 1, completed: 41, completed_with_errors: 1 },
  running: [{ node: "worker-1", batches: 1 }],
  nodes: [
    {
      node: "worker-1",
      roles: ["clientCache", "policy", "batchLock", "batchProcessor", "batch", "retention", "stats", "outbox"],
      version: "1.0.0",
      startedAt: "2026-11-23T07:00:00.000Z",
      cpu: 0.42,
      eventLoop: 0.38,
      rssBytes: 141557760,
      heapBytes: 48234496,
      rates,
      slots: { busy: 1, free: 3, paused: false },
      caches: { policy: { hits: 96, misses: 4, hitRate: 0.96, redis: null } },
      limiter: { store: "process", apiNodes: 1, allowed: 100, refused: 0, fallbacks: 0 },
      locks: { provider: "sql", acquired: 43, busy: 0, unavailable: 0, lost: 0, fallbacks: 0 },
      worker: { paused: false, slots: 4, running: [ids.batch] },
    },
  ],
};

const told = { batchId: ids.batch, clientId: ids.client, dataset: "default" };

/** The `data` of the events of this import. */
export const eventData = {
  "batch.created": { ...told, status: "ready", version: 1 },
  "batch.ready": { ...told, status: "ready", version: 1 },
  "batch.completed": { ...told, status: endedBatch.status, version: 3, counts: endedBatch.counts, error: null },
  "batch.validated": { ...told, status: "validated", version: 3, counts: endedBatch.counts, error: null },
  "batch.undone": { ...told, status: "undone", version: 5, counts: endedBatch.counts },
  "batch.held": {
    ...told,
    status: "held",
    version: 3,
    hold: { reason: "approval", until: null, counts: endedBatch.counts },
  },
};

export const signature = {
  "webhook-id": ids.event,
  "webhook-timestamp": "1795420800",
  "webhook-signature": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
};

/** Merge patches of rejected records. */
export const patches = '{"record":2,"patch":{"quantity":3}}\n';

/** The same as operators see it. */
export const forOperators = {
  clientId: ids.client,
  client: { id: ids.client, clientIdentifier: "a-shop", name: "A shop" },
  policyVersion: 1,
  run: null,
  waits: null,
  waitsUntil: null,
  lastAttempt: null,
};
/** What only one batch alone shows. */
export const batchDetails = {
  idempotencyKey: "orders-2026-11-23",
  children: [],
  bodyKeptUntil: null,
  expiresAt: "2026-12-23T08:00:00.021Z",
};
export const operatorBatch = { ...endedBatch, ...forOperators, attempts: 2, lastAttempt: failedAttempt };
