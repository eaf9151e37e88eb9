/** `POST /admin/batches/{id}/retry` and `…/commit`: an operator makes these calls for any client. */
import { actors } from "../../actors.ts";
import { commitOfAnyClient, retryOfAnyClient } from "../../behalf.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";
import { jsonBody } from "../http/input.ts";
import { batchReply, withReason } from "./admin.batches.ts";
import { again, isOnlyRejected } from "./imports.ts";

/**
 * Lets a failed batch go on. With `?only=rejected`, makes a new batch of the same client from the rejected records of
 * an ended batch.
 */
export async function retryBatch(exchange: Exchange): Promise<Reply> {
  const onlyRejected = isOnlyRejected(exchange);
  const body = withReason(await jsonBody(exchange, { isOptional: true }));
  const { ctx, path } = exchange;
  const asked = { publicId: path.id ?? "", ...body };
  if (!onlyRejected) return json(202, await batchReply(exchange, await actors.batch.retry(ctx, asked)), again);
  const { batch, isNew } = await retryOfAnyClient(ctx, { ...asked, requestId: ctx.requestID });
  exchange.req.batchId = batch.publicId;
  const headers = { Location: `/admin/batches/${batch.publicId}`, ...(isNew ? again : {}) };
  return json(isNew ? 202 : 200, await batchReply(exchange, batch), headers);
}

/** Delivers a batch that was only checked. If that was asked before, answers the batch as it is. */
export async function commitBatch(exchange: Exchange): Promise<Reply> {
  const body = withReason(await jsonBody(exchange, { isOptional: true }));
  const { batch, isNew } = await commitOfAnyClient(exchange.ctx, { publicId: exchange.path.id ?? "", ...body });
  return json(isNew ? 202 : 200, await batchReply(exchange, batch), isNew ? again : {});
}
