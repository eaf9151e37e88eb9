/** What a client asks of its own batches and policy. */

import { actors } from "../../actors.ts";
import { callerOf, type Exchange, json, type Reply } from "../http/exchange.ts";
import { noBody, queryOf, wrongQuery } from "../http/input.ts";
import { pageBody, pageOf } from "../http/pages.ts";
import { batchOf } from "./export.ts";
import { batchView, stateOf } from "./views.ts";
import { batchWanted } from "./waiting.ts";

export async function getImport(exchange: Exchange): Promise<Reply> {
  return batchWanted(exchange, () => batchOf(exchange), batchView);
}

export async function listImports(exchange: Exchange): Promise<Reply> {
  const query = queryOf(exchange, "status", "limit", "cursor");
  const { client } = callerOf(exchange);
  const page = pageOf(exchange, `imports of ${client.publicId}`, query);
  const batches = await actors.batch.list(exchange.ctx, {
    ...page.asked,
    ...stateOf(query.status),
    clientId: client.id,
  });
  return json(200, await pageBody(exchange, page, batches, batchView));
}

export async function cancelImport(exchange: Exchange): Promise<Reply> {
  const { client } = callerOf(exchange);
  await noBody(exchange);
  const batch = await actors.batch.cancel(exchange.ctx, { publicId: exchange.path.id ?? "", clientId: client.id });
  return json(200, batchView(batch));
}

/** A failed batch goes on; with `?only=rejected` the rejected records of one that has ended are a batch of their own. */
export async function retryImport(exchange: Exchange): Promise<Reply> {
  const { only } = queryOf(exchange, "only");
  if (only !== undefined && only !== "rejected") throw wrongQuery("only", 'expected "rejected"');
  await noBody(exchange);
  const { client, policy } = callerOf(exchange);
  const which = { publicId: exchange.path.id ?? "", clientId: client.id };
  if (only === undefined) return json(202, batchView(await actors.batch.retry(exchange.ctx, which)), again);
  const params = { ...which, clientPublicId: client.publicId, policy, requestId: exchange.ctx.requestID };
  const { batch, isNew } = await actors.imports.retryRejected(exchange.ctx, params, { timeout: 0 });
  return json(isNew ? 202 : 200, batchView(batch), { Location: `/imports/${batch.publicId}`, ...(isNew ? again : {}) });
}

const again = { "Retry-After": "1" };

export async function getOwnPolicy(exchange: Exchange): Promise<Reply> {
  return json(200, callerOf(exchange).policy.policy);
}
