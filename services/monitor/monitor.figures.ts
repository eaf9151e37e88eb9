import type { ServiceBroker } from "moleculer";
import { configOf } from "../../config/config.ts";
import { readings } from "../../lib/metrics/figures.ts";
import { actors } from "../actors.ts";
import type { AnswerOf } from "../messages.ts";
import type { CacheFigures, NodeFigures, SystemStats } from "./monitor.contract.ts";
import { oldestMs, outboxMs, waitingMs } from "./monitor.queue.ts";

const PATIENCE_MS = 2_000;

/** The values of a metric by one of its labels. */
const by = async (broker: ServiceBroker, name: string, label: string): Promise<Record<string, number>> =>
  Object.fromEntries((await readings(broker, name)).map(({ value, labels }) => [labels[label] ?? "", value]));

/** Null before the first lookup. */
const rateOf = (hits: number, misses: number) =>
  hits + misses === 0 ? null : Number((hits / (hits + misses)).toFixed(4));

/** The values of a metric by cache, then by result. */
async function lookupsOf(broker: ServiceBroker, figure: string): Promise<Record<string, Record<string, number>>> {
  const byCache: Record<string, Record<string, number>> = {};
  for (const { value, labels } of await readings(broker, figure)) {
    const results = byCache[labels.cache ?? ""] ?? {};
    byCache[labels.cache ?? ""] = { ...results, [labels.result ?? ""]: value };
  }
  return byCache;
}

async function cachesOf(broker: ServiceBroker): Promise<Record<string, CacheFigures>> {
  const shared = await lookupsOf(broker, "dataflow_cache_redis_lookups_total");
  const caches = Object.entries(await lookupsOf(broker, "dataflow_cache_lookups_total"));
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
  const { allowed = 0, refused = 0 } = await by(broker, "dataflow_limiter_decisions_total", "outcome");
  return { store, apiNodes, allowed, refused, fallbacks };
}

async function locksOf(broker: ServiceBroker): Promise<NodeFigures["locks"]> {
  if (!broker.getLocalService("batchLock")) return null;
  const { provider, ...counted } = await actors.batchLock.status(broker, {}, { nodeID: broker.nodeID });
  const { lost = 0 } = await by(broker, "dataflow_locks_total", "outcome");
  return { provider, ...counted, lost };
}

/** The figures of this node. */
export async function figuresOf(broker: ServiceBroker): Promise<NodeFigures> {
  return {
    node: broker.nodeID,
    caches: await cachesOf(broker),
    limiter: await limiterOf(broker),
    locks: await locksOf(broker),
    worker: broker.getLocalService("batchProcessor")
      ? await actors.batchProcessor.status(broker, {}, { nodeID: broker.nodeID })
      : null,
  };
}

/** The names of the nodes that run a service, this node included. */
export function nodesWith(broker: ServiceBroker, service: string): string[] {
  return broker.registry
    .getNodeList({ onlyAvailable: true, withServices: true })
    .filter(({ services }) => services.some(({ name }) => name === service))
    .map(({ id }) => id)
    .sort();
}

/** The figures of every node. A node that does not answer in time is named without figures. */
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
