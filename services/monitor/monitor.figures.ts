import type { ServiceBroker } from "moleculer";
import { collect, readings } from "../../mixins/figures.ts";
import { type AnswerOf, call } from "../messages.ts";
import type { CacheFigures, NodeFigures, SystemStats } from "./monitor.contract.ts";
import { oldestMs } from "./monitor.queue.ts";

const PATIENCE_MS = 2_000;

/** The values of a figure by one of its labels. */
const by = (broker: ServiceBroker, name: string, label: string): Record<string, number> =>
  Object.fromEntries(readings(broker, name).map(({ value, labels }) => [labels[label] ?? "", value]));

function cachesOf(broker: ServiceBroker): Record<string, CacheFigures> {
  const caches: Record<string, CacheFigures> = {};
  for (const { value, labels } of readings(broker, "dataflow_cache_lookups_total")) {
    const cache = labels.cache ?? "";
    const figures = caches[cache] ?? { hits: 0, misses: 0, hitRate: null };
    caches[cache] = figures;
    figures[labels.result === "hit" ? "hits" : "misses"] += value;
  }
  for (const figures of Object.values(caches)) {
    const lookups = figures.hits + figures.misses;
    if (lookups > 0) figures.hitRate = Number((figures.hits / lookups).toFixed(4));
  }
  return caches;
}

/** This node's. */
export async function figuresOf(broker: ServiceBroker): Promise<NodeFigures> {
  collect(broker);
  const fallbacks = Object.values(by(broker, "dataflow_limiter_fallbacks_total", "store"));
  return {
    node: broker.nodeID,
    caches: cachesOf(broker),
    limiter: {
      ...by(broker, "dataflow_limiter_decisions_total", "outcome"),
      fallbacks: fallbacks.reduce((sum, value) => sum + value, 0),
    },
    locks: by(broker, "dataflow_locks_total", "outcome"),
    worker: broker.getLocalService("batchProcessor")
      ? await call(broker, "batchProcessor.status", {}, { nodeID: broker.nodeID })
      : null,
  };
}

/** The nodes that run a service, this one too. */
export function nodesWith(broker: ServiceBroker, service: string): string[] {
  const nodes = broker.registry.getNodeList({ onlyAvailable: true, withServices: true }) as unknown as {
    id: string;
    services: { name: string }[];
  }[];
  return nodes.filter(({ services }) => services.some(({ name }) => name === service)).map(({ id }) => id);
}

/** Every node's; one that does not answer is named, and keeps nobody waiting for long. */
export function allFigures(broker: ServiceBroker): Promise<SystemStats["nodes"]> {
  return Promise.all(
    nodesWith(broker, "monitor").map((nodeID) =>
      call(broker, "monitor.figures", {}, { nodeID, timeout: PATIENCE_MS }).catch((): SystemStats["nodes"][number] => ({
        node: nodeID,
        unreachable: true,
      })),
    ),
  );
}

export async function statsOf(broker: ServiceBroker, stats: AnswerOf<"batch.stats">): Promise<SystemStats> {
  const { states, outboxDepth: outbox } = stats;
  const { ready = 0, processing = 0, held = 0 } = states;
  return {
    queue: { oldestReadyAgeMs: oldestMs(stats), ready, processing, held, outbox },
    batches: states,
    running: stats.running.map(({ owner, batches }) => ({ node: owner.split(":")[0] ?? "", batches })),
    nodes: await allFigures(broker),
  };
}
