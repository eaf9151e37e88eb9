/** The commands for queues, workers, caches and locks. */

import type { ServiceBroker } from "moleculer";
import { Problem } from "../lib/errors.ts";
import { actors } from "../services/actors.ts";
import type { NodeFigures } from "../services/monitor/monitor.contract.ts";
import { allFigures } from "../services/monitor/monitor.figures.ts";
import { turnWorker } from "../services/monitor/monitor.workers.ts";
import { type Command, duration, operand, say } from "./answer.ts";

/** The status of each node, and the nodes that do not answer. Works while the database is away. */
async function nodeFigures(broker: ServiceBroker): Promise<{ nodes: NodeFigures[]; silent: string[] }> {
  const all = await allFigures(broker);
  return {
    nodes: all.filter((node): node is NodeFigures => "caches" in node),
    silent: all.filter((node) => "unreachable" in node).map(({ node }) => node),
  };
}

const silence = (nodes: string[]) => nodes.map((node) => `${node} does not answer`);

const ageOf = (ms: number | null) => (ms === null ? null : duration(ms));

const queues: Command = {
  command: "queues",
  description: "How much waits, how long, and who works",
  async run(broker) {
    const { queue, running, nodes } = await actors.monitor.stats(broker, {});
    const rows = [
      { queue: "ready", depth: queue.ready, oldest: ageOf(queue.oldestReadyAgeMs) },
      { queue: "processing", depth: queue.processing, oldest: null },
      { queue: "held", depth: queue.held, oldest: null },
      { queue: "outbox", depth: queue.outbox, oldest: ageOf(queue.oldestOutboxAgeMs) },
    ];
    const working = running.map(({ node, batches }) => `${node} works at ${batches}`);
    const paused = nodes.filter((node) => "worker" in node && node.worker?.paused);
    const silent = nodes.filter((node) => "unreachable" in node).map(({ node }) => node);
    const notes = [...working, ...paused.map(({ node }) => `${node} is paused`), ...silence(silent)];
    return { rows, notes };
  },
};

async function flush(broker: ServiceBroker): Promise<string> {
  const { redis, keys, reason } = await actors.monitor.flush(broker, {});
  const told = {
    emptied: ` ${keys} keys were deleted from Redis.`,
    off: "",
    away: ` Redis was not emptied: ${reason}`,
  };
  return `All nodes are told to forget what they know.${told[redis]}`;
}

const percent = (rate: number | null) => (rate === null ? null : `${(rate * 100).toFixed(1)} %`);

const caches: Command = {
  command: "caches [what]",
  description: "Each node's caches and how often they know the answer; `caches flush` empties them and Redis",
  options: [{ option: "--flush", description: "As `caches flush`" }],
  async run(broker, args) {
    const what = operand(args, "what");
    if (what !== undefined && what !== "flush") throw new Problem("validation", `caches takes flush, not "${what}".`);
    if (what || args.options.flush) return say(await flush(broker));
    const { nodes, silent } = await nodeFigures(broker);
    const rows = nodes.flatMap(({ node, caches: known }) =>
      Object.entries(known).map(([cache, { hits, misses, hitRate, redis }]) => {
        return {
          node,
          cache,
          hits,
          misses,
          "hit rate": percent(hitRate),
          "redis hits": redis?.hits ?? null,
          "redis misses": redis?.misses ?? null,
          "no answer": redis?.fallbacks ?? null,
          "redis rate": percent(redis?.hitRate ?? null),
        };
      }),
    );
    return rows.length > 0 ? { rows, notes: silence(silent) } : say("No node has a cache.");
  },
};

const alerts: Command = {
  command: "alerts <what>",
  description: "Tries the chat of ALERT_WEBHOOK: `alerts test` sends it a line, and tells what it said",
  async run(broker, args) {
    const what = operand(args, "what");
    if (what !== "test") throw new Problem("validation", `alerts takes test, not "${what}".`);
    const { host, status, error, ms } = await actors.alerts.test(broker, {});
    return { rows: [{ host, status, error, ms }] };
  },
};

const turn = (name: "pause" | "resume", description: string): Command => ({
  command: `${name} [node]`,
  description,
  async run(broker, args) {
    const { node, paused, slots, running } = await turnWorker({ broker, asking: broker }, operand(args, "node"), name);
    return { rows: [{ node, paused, slots, running: running.length }] };
  },
});

const locks: Command = {
  command: "locks",
  description: "What came of batch locks, by node",
  async run(broker) {
    const { nodes, silent } = await nodeFigures(broker);
    const rows = nodes.flatMap(({ node, locks: counted }) => {
      if (!counted) return [];
      const { provider, acquired, busy, unavailable, lost, fallbacks } = counted;
      return [{ node, provider, acquired, busy, unavailable, lost, fallbacks }];
    });
    return rows.length > 0 ? { rows, notes: silence(silent) } : say("No node keeps locks.");
  },
};

export const nodeCommands: Command[] = [
  queues,
  caches,
  alerts,
  turn("pause", "A worker claims nothing any more, and finishes what runs"),
  turn("resume", "A paused worker claims again"),
  locks,
];
