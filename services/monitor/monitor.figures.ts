import type { ServiceBroker } from "moleculer";
import { configOf } from "../../config/config.ts";
import { readings } from "../../lib/metrics/figures.ts";
import { version } from "../../lib/version.ts";
import { actors } from "../actors.ts";
import { oldestReadyMs } from "../batch/batch.reads.domain.ts";
import type { WorkerStatus } from "../batchProcessor/batchProcessor.contract.ts";
import type { AnswerOf } from "../messages.ts";
import type { FiguresAt } from "../stats/stats.domain.ts";
import { noRates, type Rates, tallyOf } from "../tally.ts";
import type { CacheFigures, NodeFigures, Readiness, SystemStats } from "./monitor.contract.ts";
import { type ProcessUse, rolesOf, startedAt } from "./monitor.process.ts";
import { deliveryMs, outboxMs, waitingMs } from "./monitor.queue.ts";

const PATIENCE_MS = 2_000;
const OPTIONS = { timeout: PATIENCE_MS };

/** The values of a metric by one of its labels. */
const by = async (broker: ServiceBroker, name: string, label: string): Promise<Record<string, number>> =>
  Object.fromEntries((await readings(broker, name)).map(({ value, labels }) => [labels[label] ?? "", value]));

/** The share of hits. Null before the first lookup. */
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
export async function figuresOf(broker: ServiceBroker, use: ProcessUse): Promise<NodeFigures> {
  const worker = broker.getLocalService("batchProcessor")
    ? await actors.batchProcessor.status(broker, {}, { nodeID: broker.nodeID })
    : null;
  return {
    node: broker.nodeID,
    roles: rolesOf(broker),
    ...use.figures(),
    rates: tallyOf(broker).rates(),
    slots: worker && slotsOf(worker),
    caches: await cachesOf(broker),
    limiter: await limiterOf(broker),
    locks: await locksOf(broker),
    worker,
  };
}

/** A group of small batches runs in one place, so there may be more batches than places. */
function slotsOf({ paused, slots, running }: WorkerStatus): NonNullable<NodeFigures["slots"]> {
  const busy = Math.min(running.length, slots);
  return { busy, free: slots - busy, paused };
}

function ratesOf(nodes: SystemStats["nodes"]): Rates {
  const sum = noRates();
  for (const node of nodes) {
    if (!("rates" in node)) continue;
    for (const name of Object.keys(sum) as (keyof Rates)[])
      sum[name] = Number((sum[name] + (node.rates[name] ?? 0)).toFixed(2));
  }
  return sum;
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

/** What all nodes have counted in the last ten minutes. Nodes that do not answer in time are left out. */
export async function recentOfAll(broker: ServiceBroker, stepMs: number): Promise<FiguresAt[]> {
  const asked = nodesWith(broker, "monitor").map((nodeID) =>
    actors.monitor.recent(broker, { stepMs }, { nodeID, ...OPTIONS }).catch((): FiguresAt[] => []),
  );
  return (await Promise.all(asked)).flat();
}

async function oldestReadyOf(
  broker: ServiceBroker,
  { oldestReady }: AnswerOf<"batch.stats">,
): Promise<SystemStats["queue"]["oldestReady"]> {
  if (!oldestReady) return null;
  const { batchId, clientId } = oldestReady;
  const client = await actors.clientCache.get(broker, { id: clientId }, OPTIONS).catch(() => null);
  return { batchId, clientIdentifier: client?.identifier ?? null };
}

export async function statsOf(
  broker: ServiceBroker,
  stats: AnswerOf<"batch.stats">,
  readiness: Readiness,
): Promise<SystemStats> {
  const [nodes, oldestReady, failed24h] = await Promise.all([
    allFigures(broker),
    oldestReadyOf(broker, stats),
    actors.stats.failedDeliveries(broker, {}, OPTIONS).catch(() => null),
  ]);
  const { states, outboxDepth: outbox } = stats;
  const { ready = 0, processing = 0, held = 0 } = states;
  const waitsForItsClient = { batches: stats.waitsForItsClient.batches, oldestAgeMs: waitingMs(stats) };
  return {
    version,
    startedAt: startedAt(),
    readiness,
    rates: ratesOf(nodes),
    deliveries: { due: stats.deliveriesDue, oldestDueAgeMs: deliveryMs(stats), failed24h },
    queue: {
      oldestReadyAgeMs: oldestReadyMs(stats),
      oldestReady,
      waitsForItsClient,
      ready,
      processing,
      held,
      outbox,
      oldestOutboxAgeMs: outboxMs(stats),
    },
    batches: states,
    running: stats.running.map(({ owner, batches }) => ({ node: owner.split(":")[0] ?? "", batches })),
    nodes,
  };
}
