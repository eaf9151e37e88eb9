import type { ServiceBroker } from "moleculer";
import { configOf } from "../../config/config.ts";
import { collect, readings } from "../../lib/metrics/figures.ts";
import { actors } from "../actors.ts";
import type { AnswerOf } from "../messages.ts";
import type { CacheFigures, NodeFigures, SystemStats } from "./monitor.contract.ts";
import { oldestMs, outboxMs, waitingMs } from "./monitor.queue.ts";

const PATIENCE_MS = 2_000;

/** The values of a figure by one of its labels. */
const by = (broker: ServiceBroker, name: string, label: string): Record<string, number> =>
  Object.fromEntries(readings(broker, name).map(({ value, labels }) => [labels[label] ?? "", value]));

/** Null before the first lookup. */
const rateOf = (hits: number, misses: number) =>
  hits + misses === 0 ? null : Number((hits / (hits + misses)).toFixed(4));

/** A figure's values by cache, then by result. */
function lookupsOf(broker: ServiceBroker, figure: string): Record<string, Record<string, number>> {
  const byCache: Record<string, Record<string, number>> = {};
  for (const { value, labels } of readings(broker, figure)) {
    const results = byCache[labels.cache ?? ""] ?? {};
    byCache[labels.cache ?? ""] = { ...results, [labels.result ?? ""]: value };
  }
  return byCache;
}

function cachesOf(broker: ServiceBroker): Record<string, CacheFigures> {
  const shared = lookupsOf(broker, "dataflow_cache_redis_lookups_total");
  const caches = Object.entries(lookupsOf(broker, "dataflow_cache_lookups_total"));
  return Object.fromEntries(
    caches.map(([cache, { hit: hits = 0, miss: misses = 0 }]) => {
      const redis = configOf(broker).redisUrl ? redisOf(shared[cache] ?? {}) : null;
      return [cache, { hits, misses, hitRate: rateOf(hits, misses), redis }];
    }),
  );
}

function redisOf({ hit: hits = 0, miss: misses = 0, fallback: fallbacks = 0 }: Record<string, number>) {
  return { hits, misses, fallbacks, hitRate: rateOf(hits, misses) };
}

async function limiterOf(broker: ServiceBroker): Promise<NodeFigures["limiter"]> {
  if (!broker.getLocalService("rateLimiter")) return null;
  const { store, apiNodes, fallbacks } = await actors.rateLimiter.status(broker, {}, { nodeID: broker.nodeID });
  const { allowed = 0, refused = 0 } = by(broker, "dataflow_limiter_decisions_total", "outcome");
  return { store, apiNodes, allowed, refused, fallbacks };
}

async function locksOf(broker: ServiceBroker): Promise<NodeFigures["locks"]> {
  if (!broker.getLocalService("batchLock")) return null;
  const { provider, ...counted } = await actors.batchLock.status(broker, {}, { nodeID: broker.nodeID });
  const { lost = 0 } = by(broker, "dataflow_locks_total", "outcome");
  return { provider, ...counted, lost };
}

/** This node's. */
export async function figuresOf(broker: ServiceBroker): Promise<NodeFigures> {
  collect(broker);
  return {
    node: broker.nodeID,
    caches: cachesOf(broker),
    limiter: await limiterOf(broker),
    locks: await locksOf(broker),
    worker: broker.getLocalService("batchProcessor")
      ? await actors.batchProcessor.status(broker, {}, { nodeID: broker.nodeID })
      : null,
  };
}

/** The nodes that run a service, this one too, by name. */
export function nodesWith(broker: ServiceBroker, service: string): string[] {
  const nodes = broker.registry.getNodeList({ onlyAvailable: true, withServices: true }) as unknown as {
    id: string;
    services: { name: string }[];
  }[];
  return nodes
    .filter(({ services }) => services.some(({ name }) => name === service))
    .map(({ id }) => id)
    .sort();
}

/** Every node's; one that does not answer is named, and keeps nobody waiting for long. */
export function allFigures(broker: ServiceBroker): Promise<SystemStats["nodes"]> {
  return Promise.all(
    nodesWith(broker, "monitor").map((nodeID) =>
      actors.monitor.figures(broker, {}, { nodeID, timeout: PATIENCE_MS }).catch((): SystemStats["nodes"][number] => ({
        node: nodeID,
        unreachable: true,
      })),
    ),
  );
}

export async function statsOf(broker: ServiceBroker, stats: AnswerOf<"batch.stats">): Promise<SystemStats> {
  const { states, outboxDepth: outbox } = stats;
  const { ready = 0, processing = 0, held = 0 } = states;
  const waitsForItsClient = { batches: stats.waitsForItsClient.batches, oldestAgeMs: waitingMs(stats) };
  return {
    queue: {
      oldestReadyAgeMs: oldestMs(stats),
      waitsForItsClient,
      ready,
      processing,
      held,
      outbox,
      oldestOutboxAgeMs: outboxMs(stats),
    },
    batches: states,
    running: stats.running.map(({ owner, batches }) => ({ node: owner.split(":")[0] ?? "", batches })),
    nodes: await allFigures(broker),
  };
}
