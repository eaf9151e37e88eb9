/** The calls of a client about its own batches and policy. */

import { actors } from "../../actors.ts";
import { callerOf, type Exchange, json, type Reply } from "../http/exchange.ts";
import { noBody, queryOf, wrongQuery } from "../http/input.ts";
import { beyond, foundBody, nothingListed, pageOf } from "../http/pages.ts";
import { batchQueryOf, ownFilter, ownFilterNames } from "./batch-filter.ts";
import { batchOf } from "./export.ts";
import { batchView, policyView } from "./views.ts";
import { batchWanted } from "./waiting.ts";

export async function getImport(exchange: Exchange): Promise<Reply> {
  return batchWanted(exchange, () => batchOf(exchange), batchView);
}

export async function listImports(exchange: Exchange): Promise<Reply> {
  const { limit, cursor, ...text } = batchQueryOf(exchange, ...ownFilterNames, "limit", "cursor");
  const { client } = callerOf(exchange);
  const filter = ownFilter(client.id, text);
  const page = pageOf(exchange, `imports of ${client.publicId}`, { limit, cursor });
  if (!filter) return json(200, nothingListed);
  const found = await actors.batch.find(exchange.ctx, { filter, page: beyond(page) });
  return json(200, foundBody(exchange, page, found, found.batches.map(batchView)));
}

export async function cancelImport(exchange: Exchange): Promise<Reply> {
  const { client } = callerOf(exchange);
  await noBody(exchange);
  const batch = await actors.batch.cancel(exchange.ctx, { publicId: exchange.path.id ?? "", clientId: client.id });
  return json(200, batchView(batch));
}

/** Whether the query of a retry asks for the rejected records only. Throws validation. */
export function isOnlyRejected(exchange: Exchange): boolean {
  const { only } = queryOf(exchange, "only");
  if (only !== undefined && only !== "rejected") throw wrongQuery("only", 'expected "rejected"');
  return only === "rejected";
}

/** Lets a failed batch go on. With `?only=rejected`, makes a new batch from the rejected records of an ended batch. */
export async function retryImport(exchange: Exchange): Promise<Reply> {
  const onlyRejected = isOnlyRejected(exchange);
  await noBody(exchange);
  const { client } = callerOf(exchange);
  const which = { publicId: exchange.path.id ?? "", clientId: client.id };
  if (!onlyRejected) return json(202, batchView(await actors.batch.retry(exchange.ctx, which)), again);
  const { dataset: name } = await actors.batch.get(exchange.ctx, which);
  const policy = await actors.policy.ofDataset(exchange.ctx, { clientId: client.id, name });
  const params = { ...which, clientPublicId: client.publicId, policy, requestId: exchange.ctx.requestID };
  const { batch, isNew } = await actors.imports.retryRejected(exchange.ctx, params, { timeout: 0 });
  exchange.req.batchId = batch.publicId;
  return json(isNew ? 202 : 200, batchView(batch), { Location: `/imports/${batch.publicId}`, ...(isNew ? again : {}) });
}

/** Delivers a batch that was only checked. If that was asked before, answers the batch as it is. */
export async function commitImport(exchange: Exchange): Promise<Reply> {
  await noBody(exchange);
  const { client } = callerOf(exchange);
  const which = { publicId: exchange.path.id ?? "", clientId: client.id };
  const { dataset: name } = await actors.batch.get(exchange.ctx, which);
  const policy = await actors.policy.ofDataset(exchange.ctx, { clientId: client.id, name });
  const params = { ...which, clientPublicId: client.publicId, policy };
  const { batch, isNew } = await actors.imports.commitChecked(exchange.ctx, params);
  return json(isNew ? 202 : 200, batchView(batch), isNew ? again : {});
}

export const again = { "Retry-After": "1" };

export async function getOwnPolicy(exchange: Exchange): Promise<Reply> {
  return json(200, policyView(callerOf(exchange).policy.policy));
}
