/** How much of its limits a client uses now. The client and operators can ask for it. */
import {
  choice,
  count,
  described,
  instant,
  type JsonSchema,
  listOf,
  orNull,
  record,
  text,
} from "../../../lib/json-schema.ts";
import { actors } from "../../actors.ts";
import type { Client } from "../../clientCache/clientCache.contract.ts";
import type { Policy } from "../../policy/policy.contract.ts";
import { callerOf, type Exchange, json, type Reply } from "../http/exchange.ts";
import { clientOf } from "./admin.clients.ts";

const limitOrNone = orNull(count);

/** The schema of what the call of clients and the call of operators answer. */
export const usageSchema: JsonSchema = record({
  requests: record(
    {
      limit: count,
      windowSeconds: count,
      used: described("In the last `windowSeconds`, as it is counted now.", count),
      remaining: count,
      resetsAt: instant,
      store: described(
        "Where they are counted. `share`: Redis is away, and each node counts alone.",
        choice(["redis", "share", "process"]),
      ),
      nodes: described(
        "What each node counts, where they do not share one counter.",
        listOf(record({ node: text(), used: count, remaining: count })),
      ),
    },
    ["nodes"],
  ),
  day: described(
    "The UTC day.",
    record({
      bytes: record({ used: count, limit: limitOrNone }),
      records: record({ used: count, limit: limitOrNone }),
      resetsAt: instant,
    }),
  ),
  uploads: described("All nodes; the limit is that of each.", record({ running: count, limit: count })),
  batches: described(
    "`ready` and `held` are counted up to 10,000. The limit is that of `running`.",
    record({ running: count, ready: count, held: count, limit: count }),
  ),
  streams: described("Event streams that are open on this node.", record({ open: count, limit: count })),
});

async function answer({ ctx, req }: Exchange, client: Client, policy: Policy): Promise<Reply> {
  const { streams } = req.$service;
  const open = { open: streams.openOf(client.id), limit: streams.most };
  return json(200, { ...(await actors.monitor.usage(ctx, { client, policy })), streams: open });
}

export async function getUsage(exchange: Exchange): Promise<Reply> {
  const client = await clientOf(exchange);
  const { policy } = await actors.policy.get(exchange.ctx, { clientId: client.id });
  return answer(exchange, client, policy);
}

export function getOwnUsage(exchange: Exchange): Promise<Reply> {
  const { client, policy } = callerOf(exchange);
  return answer(exchange, client, policy.policy);
}
