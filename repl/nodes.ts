/** Queues, workers, caches, locks and limits: what nodes tell of themselves. */
import { Errors, type ServiceBroker } from "moleculer";
import { Problem } from "../services/errors.ts";
import { announce, call } from "../services/messages.ts";
import type { NodeFigures } from "../services/monitor/monitor.contract.ts";
import { type Answer, duration, say } from "./answer.ts";
import { type Command, operand } from "./command.ts";

const nodeFigures = async (broker: ServiceBroker): Promise<NodeFigures[]> =>
  (await call(broker, "monitor.stats", {})).nodes.filter((node): node is NodeFigures => "caches" in node);

const queues: Command = {
  command: "queues",
  description: "How much waits, how long, and who works",
  async run(broker) {
    const { queue, running, nodes } = await call(broker, "monitor.stats", {});
    const oldest = queue.oldestReadyAgeMs === null ? null : duration(queue.oldestReadyAgeMs);
    const rows = [
      { queue: "ready", depth: queue.ready, oldest },
      { queue: "processing", depth: queue.processing, oldest: null },
      { queue: "held", depth: queue.held, oldest: null },
      { queue: "outbox", depth: queue.outbox, oldest: null },
    ];
    const working = running.map(({ node, batches }) => `${node} works at ${batches}`);
    const paused = nodes.filter((node) => "worker" in node && node.worker?.paused);
    const silent = nodes.filter((node) => "unreachable" in node);
    const notes = [...working, ...paused.map(({ node }) => `${node} is paused`)];
    return { rows, note: [...notes, ...silent.map(({ node }) => `${node} does not answer`)].join("\n") };
  },
};

const caches: Command = {
  command: "caches",
  description: "Each node's caches and how often they know the answer",
  options: [{ option: "--flush", description: "All nodes forget what they know" }],
  async run(broker, { options }) {
    if (options.flush) {
      await announce(broker, "caches.flush", {});
      return say("All nodes are told to forget what they know.");
    }
    const rows = (await nodeFigures(broker)).flatMap(({ node, caches: known }) =>
      Object.entries(known).map(([cache, { hits, misses, hitRate }]) => {
        return { node, cache, hits, misses, "hit rate": hitRate === null ? null : `${(hitRate * 100).toFixed(1)} %` };
      }),
    );
    return rows.length > 0 ? { rows } : say("No node has a cache.");
  },
};

/** The worker that was named; where there is only one, none need be. Throws not-found, validation. */
async function workerNamed(broker: ServiceBroker, name: string | undefined): Promise<string> {
  const workers = (await nodeFigures(broker)).filter(({ worker }) => worker !== null).map(({ node }) => node);
  const known = workers.length > 0 ? `Workers: ${workers.join(", ")}.` : "There is no worker.";
  const chosen = name ?? (workers.length === 1 ? workers[0] : undefined);
  if (chosen === undefined) throw new Problem("validation", `Which one? ${known}`);
  if (!workers.includes(chosen)) throw new Problem("not-found", `"${chosen}" is no worker. ${known}`);
  return chosen;
}

const turn = (name: "pause" | "resume", description: string): Command => ({
  command: `${name} [node]`,
  description,
  async run(broker, args) {
    const node = await workerNamed(broker, operand(args, "node"));
    const status = await call(broker, `batchProcessor.${name}`, {}, { nodeID: node });
    const { paused, slots, running } = status;
    return { rows: [{ node, paused, slots, running: running.length }] };
  },
});

/** What a service may tell beside its figures, where its version does. Null: it offers no such thing. */
async function told(broker: ServiceBroker, action: string, params: object, nodeID?: string): Promise<object | null> {
  try {
    return (await broker.call(action, params, nodeID ? { nodeID } : {})) as object;
  } catch (error) {
    if (error instanceof Errors.ServiceNotFoundError || error instanceof Errors.ServiceNotAvailableError) return null;
    throw error;
  }
}

const locks: Command = {
  command: "locks",
  description: "What came of batch locks, by node",
  async run(broker) {
    const nodes = (await nodeFigures(broker)).filter(({ locks: outcomes }) => Object.keys(outcomes).length > 0);
    const rows = await Promise.all(
      nodes.map(async ({ node, locks: outcomes }) => {
        return { node, ...outcomes, ...(await told(broker, "batchLock.status", {}, node)) };
      }),
    );
    return rows.length > 0 ? { rows } : say("No node keeps locks.");
  },
};

const limits: Command = {
  command: "limits <client>",
  description: "What is left of a client's requests",
  async run(broker, args): Promise<Answer> {
    const left = await told(broker, "rateLimiter.look", { clientId: operand(args, "client") });
    return left ? { rows: [left as Record<string, unknown>] } : say("Not served by this node.");
  },
};

export const nodeCommands: Command[] = [
  queues,
  caches,
  turn("pause", "A worker claims nothing any more, and finishes what runs"),
  turn("resume", "A paused worker claims again"),
  locks,
  limits,
];
