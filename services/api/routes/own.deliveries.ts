/** The calls of a client about its own deliveries. Deliveries of other clients are not found. */
import { actors } from "../../actors.ts";
import { nameCaller } from "../http/audit.ts";
import { callerOf, type Exchange, json, type Reply } from "../http/exchange.ts";
import { noBody, queryOf } from "../http/input.ts";
import { deliveryPage, filterOf, ownDeliveryView, sendingView } from "./deliveries.ts";

export async function listOwnDeliveries(exchange: Exchange): Promise<Reply> {
  const { limit, cursor, ...filter } = queryOf(exchange, "batch", "status", "event", "from", "to", "limit", "cursor");
  const { client } = callerOf(exchange);
  const asked = { ...filterOf(filter), clientId: client.id };
  const page = { ...(limit !== undefined && { limit }), ...(cursor !== undefined && { cursor }) };
  const list = `deliveries of ${client.publicId}`;
  return deliveryPage(exchange, list, asked, page, (row) => ownDeliveryView(exchange, row));
}

const which = (exchange: Exchange) => ({ publicId: exchange.path.id ?? "", clientId: callerOf(exchange).client.id });

export async function getOwnDelivery(exchange: Exchange): Promise<Reply> {
  const delivery = await actors.webhook.get(exchange.ctx, which(exchange));
  return json(200, { ...(await ownDeliveryView(exchange, delivery)), ...sendingView(delivery) });
}

export async function replayOwnDelivery(exchange: Exchange): Promise<Reply> {
  const { req, ctx } = exchange;
  await noBody(exchange);
  nameCaller(req.$service, req, { who: callerOf(exchange).client.identifier, role: "partner" });
  return json(200, await ownDeliveryView(exchange, await actors.webhook.replay(ctx, which(exchange))));
}
