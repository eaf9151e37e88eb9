/** What a client asks of its own batches and policy. */

import { call } from "../messages.ts";
import { callerOf, type Exchange, json, type Reply } from "./api.exchange.ts";
import { batchOf } from "./api.export.ts";
import { noBody, pageBody, pageOf, queryOf } from "./api.input.ts";
import { batchView, stateOf } from "./api.views.ts";
import { batchWanted } from "./api.waiting.ts";

export async function getImport(exchange: Exchange): Promise<Reply> {
  return batchWanted(exchange, () => batchOf(exchange), batchView);
}

export async function listImports(exchange: Exchange): Promise<Reply> {
  const query = queryOf(exchange, "status", "limit", "cursor");
  const page = pageOf(query);
  const batches = await call(exchange.ctx, "batch.list", {
    ...page,
    ...stateOf(query.status),
    limit: page.limit + 1,
    clientId: callerOf(exchange).client.id,
  });
  return json(200, pageBody(batches, page.limit, batchView));
}

export async function cancelImport(exchange: Exchange): Promise<Reply> {
  const { client } = callerOf(exchange);
  await noBody(exchange);
  const batch = await call(exchange.ctx, "batch.cancel", { publicId: exchange.path.id ?? "", clientId: client.id });
  return json(200, batchView(batch));
}

export async function getOwnPolicy(exchange: Exchange): Promise<Reply> {
  return json(200, callerOf(exchange).policy.policy);
}
