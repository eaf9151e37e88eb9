/** Operators let the batches of a client wait, and go on. */
import { actors } from "../../actors.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";
import { jsonBody, strictly } from "../http/input.ts";
import { clientOf } from "./admin.clients.ts";
import { clientView } from "./views.ts";

export const pause = strictly({ reason: { type: "string", min: 1, max: 1_000, optional: true } });

async function turn(exchange: Exchange, how: "pause" | "resume"): Promise<Reply> {
  const { reason } = pause(await jsonBody(exchange, { isOptional: true }));
  const { publicId } = await clientOf(exchange);
  const given = { publicId, ...(reason !== undefined && { reason }) };
  return json(200, clientView(await actors.clientCache[how](exchange.ctx, given)));
}

export const pauseClient = (exchange: Exchange) => turn(exchange, "pause");
export const resumeClient = (exchange: Exchange) => turn(exchange, "resume");
