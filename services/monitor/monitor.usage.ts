/** What a client uses of its limits now. Asking spends nothing. */
import type { Context, ServiceBroker } from "moleculer";
import { actors } from "../actors.ts";
import type { Client } from "../clientCache/clientCache.contract.ts";
import type { Policy } from "../policy/policy.contract.ts";
import type { Look } from "../rateLimiter/rateLimiter.contract.ts";
import type { Usage } from "./monitor.contract.ts";
import { nodesWith } from "./monitor.figures.ts";

const PATIENCE_MS = 2_000;
const A_SECOND_MS = 1_000;

interface Nodes {
  broker: ServiceBroker;
}

/** The state of the limiter on one node. Null: it does not answer. */
export interface NodeLook {
  node: string;
  look: Look | null;
}

/** What each api node counts. They share one counter in Redis; while that is away each counts alone. */
export function looksAt({ broker }: Nodes, client: Client, { rate }: Policy): Promise<NodeLook[]> {
  const { requests: limit, windowSeconds } = rate;
  const counter = { clientId: client.publicId, limit, windowSeconds };
  return Promise.all(
    nodesWith(broker, "api").map(async (node) => {
      const options = { nodeID: node, timeout: PATIENCE_MS };
      return { node, look: await actors.rateLimiter.look(broker, counter, options).catch(() => null) };
    }),
  );
}

/** To the second: the day ends at midnight, and not some milliseconds beside it. */
const at = (ms: number) => new Date(Math.round(ms / A_SECOND_MS) * A_SECOND_MS).toISOString();

/** `nodes`: only where they do not share one counter. */
async function requestsOf({ broker }: Nodes, client: Client, policy: Policy) {
  const { requests: limit, windowSeconds } = policy.rate;
  const looks = await looksAt({ broker }, client, policy);
  const told = looks.flatMap(({ node, look }) => (look ? [{ node, ...look }] : []));
  const resetsAt = (seconds: number) => at(Date.now() + seconds * A_SECOND_MS);
  const shared = told.find(({ store }) => store === "redis");
  const counts = shared ? [shared] : told;
  const sum = (of: "used" | "remaining") => counts.reduce((all, one) => all + one[of], 0);
  const own = told.map(({ node, used, remaining }) => ({ node, used, remaining }));
  return {
    limit,
    windowSeconds,
    used: sum("used"),
    remaining: Math.min(limit, sum("remaining")),
    resetsAt: resetsAt(Math.max(0, ...counts.map(({ resetSeconds }) => resetSeconds))),
    store: shared ? ("redis" as const) : (told[0]?.store ?? ("process" as const)),
    ...(!shared && told.length > 1 && { nodes: own }),
  };
}

/** Uploads are limited on each node: the sum of all nodes that answer. */
async function uploadsOf({ broker }: Nodes, { id: clientId }: Client): Promise<number> {
  const running = await Promise.all(
    nodesWith(broker, "imports").map((nodeID) =>
      actors.imports.running(broker, { clientId }, { nodeID, timeout: PATIENCE_MS }).catch(() => 0),
    ),
  );
  return running.reduce((sum, n) => sum + n, 0);
}

/** The use of a client's limits, as the API tells it. Throws unavailable. */
export async function usageOf(asking: Context | ServiceBroker, client: Client, policy: Policy): Promise<Usage> {
  const { id: clientId } = client;
  const nodes = { broker: "broker" in asking ? asking.broker : asking };
  const [requests, day, running, batches] = await Promise.all([
    requestsOf(nodes, client, policy),
    actors.imports.usage(asking, { clientId }),
    uploadsOf(nodes, client),
    actors.batch.queueOf(asking, { clientId }),
  ]);
  return {
    requests,
    day: {
      bytes: { used: day.bytes, limit: policy.bytesPerDay },
      records: { used: day.records, limit: policy.recordsPerDay },
      resetsAt: at(Date.now() + day.msLeft),
    },
    uploads: { running, limit: policy.maxConcurrentUploads },
    batches: { ...batches, limit: policy.maxConcurrentBatches },
  };
}
