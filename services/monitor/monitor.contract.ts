import type { ToldSetting } from "../../config/told.ts";
import type { BatchState } from "../batch/batch.domain.ts";
import type { LockStatus } from "../batchLock/batchLock.contract.ts";
import type { WorkerStatus } from "../batchProcessor/batchProcessor.contract.ts";
import type { Client } from "../clientCache/clientCache.contract.ts";
import { action, event, typed } from "../declare.ts";
import type { Policy } from "../policy/policy.contract.ts";
import type { LimiterStatus } from "../rateLimiter/rateLimiter.contract.ts";
import type { FiguresAt } from "../stats/stats.domain.ts";
import type { Rates } from "../tally.ts";

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
  /** The share of lookups that were hits, from 0 to 1. Null before the first lookup. */
  hitRate: number | null;
  /** Lookups in Redis, for values that were not in the process. `fallbacks`: Redis did not answer. Null: none so far. */
  redis: { hits: number; misses: number; fallbacks: number; hitRate: number | null } | null;
}

export interface ProcessFigures {
  version: string;
  /** ISO 8601. */
  startedAt: string;
  /** In cores: 1 is one core that is always busy. */
  cpu: number;
  /** How busy the event loop is, from 0 to 1. */
  eventLoop: number;
  rssBytes: number;
  heapBytes: number;
}

/** What a node has counted since it started. Services that the node does not run are empty (caches) or null. */
export interface NodeFigures extends ProcessFigures {
  node: string;
  /** The services that it runs, by the names in SERVICES. */
  roles: string[];
  rates: Rates;
  /** Places for batches of a worker. A paused one claims nothing. */
  slots: { busy: number; free: number; paused: boolean } | null;
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
export interface SystemStats extends Pick<ProcessFigures, "version" | "startedAt"> {
  readiness: Readiness;
  /** The rates of all nodes that answered, over the last ten whole seconds. */
  rates: Rates;
  /** `due` is counted up to 10,000. `failed24h`: given up in the last 24 hours; null where the history does not answer. */
  deliveries: { due: number; oldestDueAgeMs: number | null; failed24h: number | null };
  queue: {
    /** The age of the oldest batch that a worker could claim now. */
    oldestReadyAgeMs: number | null;
    /** The batch that has waited longest. `clientIdentifier` is null if its client is unknown by now. */
    oldestReady: { batchId: string; clientIdentifier: string | null } | null;
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

/** What a node is, and by which settings it goes. */
export interface About {
  node: string;
  /** DataFlow's. */
  version: string;
  /** The version of Node.js. */
  runtime: string;
  settings: ToldSetting[];
}

/** A node, as the others see it. `differs`: the settings in which it is not as the node that tells. */
export type KnownNode =
  | (Pick<About, "node" | "version" | "runtime"> & { differs: string[] })
  | { node: string; unreachable: true };

interface Used {
  used: number;
  limit: number | null;
}

/** The use of a client's limits. Times are ISO 8601. */
export interface Usage {
  requests: {
    limit: number;
    windowSeconds: number;
    used: number;
    remaining: number;
    resetsAt: string;
    store: LimiterStatus["store"];
    /** Only where they do not share one counter. */
    nodes?: { node: string; used: number; remaining: number }[];
  };
  /** The UTC day. */
  day: { bytes: Used; records: Used; resetsAt: string };
  uploads: { running: number; limit: number };
  batches: { running: number; ready: number; held: number; limit: number };
}

/** What a flush of the caches did in Redis, beside the caches of all nodes. */
export interface Flushed {
  /** `off`: it is not configured. `away`: it could not be emptied, and nodes may read old values from there. */
  redis: "emptied" | "off" | "away";
  /** How many keys were deleted from Redis. */
  keys: number | null;
  /** Why it could not be emptied. */
  reason: string | null;
}

/** `some`: a worker claims batches; `paused`: all workers are paused; `none`: no node has one. */
export type Claimants = "some" | "paused" | "none";

/** Every node has these actions, whatever SERVICES says. */
export const monitorActions = {
  /** This node's figures. */
  figures: action({}).answers<NodeFigures>(),
  /** What this node has counted in the last ten minutes, by steps; those with nothing are left out. */
  recent: action({ stepMs: { type: "number", integer: true, min: 1_000 } }).answers<FiguresAt[]>(),
  /** The same of all nodes that answer in time, one node after the other. */
  recentOfAll: action({ stepMs: { type: "number", integer: true, min: 1_000 } }).answers<FiguresAt[]>(),
  /** This node's metrics, as Prometheus reads them. */
  metrics: action({ isOpenMetrics: { type: "boolean", optional: true } }).answers<string>(),
  /** Whether this node can serve. Never throws. */
  ready: action({}).answers<Readiness>(),
  /** This node, and what is known of all: see `About` and `KnownNode`. */
  system: action({}).answers<About & { nodes: KnownNode[] }>(),
  /** The actions that datasets and policies may name as their handler, and the nodes that have each. By name. */
  handlers: action({}).answers<{ name: string; nodes: string[] }[]>(),
  /**
   * Has the worker of a node claim nothing any more (`pause`), or again. Throws not-found: it is no worker; unavailable: it
   * does not answer.
   */
  turnWorker: action({ node: { type: "string" }, how: { type: "enum", values: ["pause", "resume"] } }).answers<
    WorkerStatus & { node: string }
  >(),
  /** Whether any worker claims batches now. A worker that does not answer counts as claiming. */
  claimants: action({}).answers<Claimants>(),
  /** What a client uses of its limits now. Asking spends nothing. Throws unavailable. */
  usage: action({
    client: typed<Client>({ type: "object" }),
    policy: typed<Policy>({ type: "object" }),
  }).answers<Usage>(),
  /** This node: its version and its settings, without secrets. */
  about: action({}).answers<About>(),
  /** Tells all nodes to forget what they have cached, and empties the caches in Redis. */
  flush: action({}).answers<Flushed>(),
  /**
   * The queue, and the figures of every node. `isCalm`: while nothing waits or runs, the queue's part may be 2 s old. Throws
   * unavailable.
   */
  stats: action({ isCalm: { type: "boolean", optional: true } }).answers<SystemStats>(),
};

export const monitorEvents = {
  /** An operator empties the caches of all nodes. */
  "caches.flush": event<Record<string, never>>({}),
};
