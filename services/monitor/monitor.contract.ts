import type { BatchState } from "../batch/batch.domain.ts";
import type { LockStatus } from "../batchLock/batchLock.contract.ts";
import type { WorkerStatus } from "../batchProcessor/batchProcessor.contract.ts";
import { action, event } from "../declare.ts";
import type { LimiterStatus } from "../rateLimiter/rateLimiter.contract.ts";

export { readinessSchema, statsSchema } from "./monitor.schema.ts";

export type Check = { status: "up"; latencyMs: number } | { status: "down" } | "off";

export interface Readiness {
  status: "ok" | "degraded" | "unavailable";
  /** `tables`: where TABLE_DATABASES names some. */
  checks: { database: Check; redis: Check; rabbitmq: Check; tables?: Record<string, Check> };
}

export interface CacheFigures {
  hits: number;
  misses: number;
  /** From 0 to 1; null before the first lookup. */
  hitRate: number | null;
  /** Lookups in Redis, for values that were not in the process. `fallbacks`: Redis did not answer. Null: none so far. */
  redis: { hits: number; misses: number; fallbacks: number; hitRate: number | null } | null;
}

/** What a node has counted since it started. Services that the node does not run are empty (caches) or null. */
export interface NodeFigures {
  node: string;
  caches: Record<string, CacheFigures>;
  /** Where requests are counted now, and what was decided. */
  limiter: {
    store: LimiterStatus["store"];
    apiNodes: number;
    allowed: number;
    refused: number;
    fallbacks: number;
  } | null;
  /** `fallbacks`: locks from BATCH_LOCK_FALLBACK, because the provider was away. */
  locks:
    | (Record<"acquired" | "busy" | "unavailable" | "lost" | "fallbacks", number> & Pick<LockStatus, "provider">)
    | null;
  worker: WorkerStatus | null;
}

/** The figures for a dashboard. */
export interface SystemStats {
  queue: {
    /** The age of the oldest batch that a worker could claim now. */
    oldestReadyAgeMs: number | null;
    /** Ready batches whose client is at its cap (counted up to 10,000). */
    waitsForItsClient: { batches: number; oldestAgeMs: number | null };
    ready: number;
    processing: number;
    held: number;
    outbox: number;
    oldestOutboxAgeMs: number | null;
  };
  batches: Partial<Record<BatchState, number>>;
  running: { node: string; batches: number }[];
  /** `null` figures: the node did not answer in time. */
  nodes: (NodeFigures | { node: string; unreachable: true })[];
}

/** Prometheus' text format. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Every node has these actions, whatever SERVICES says. */
export const monitorActions = {
  /** This node's figures. */
  figures: action({}).answers<NodeFigures>(),
  /** This node's metrics, as Prometheus reads them. */
  metrics: action({}).answers<string>(),
  /** Whether this node can serve. Never throws. */
  ready: action({}).answers<Readiness>(),
  /** The queue, and the figures of every node. Throws unavailable. */
  stats: action({}).answers<SystemStats>(),
};

export const monitorEvents = {
  /** An operator empties the caches of all nodes. */
  "caches.flush": event<Record<string, never>>({}),
};
