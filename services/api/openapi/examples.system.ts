/** The example figures of a system with one worker. */
import { ids } from "./examples.ts";

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
