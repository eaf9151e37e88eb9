/** The calls of operators about webhooks: list deliveries and their results, and send one again. */

import { Problem } from "../../../lib/errors.ts";
import {
  choice,
  count,
  described,
  id,
  instant,
  type JsonSchema,
  listOf,
  orNull,
  record,
  text,
} from "../../../lib/json-schema.ts";
import { actors } from "../../actors.ts";
import { webhookEvents } from "../../webhook/webhook.contract.ts";
import { type DeliveryRow, type DeliveryState, deliveryStates } from "../../webhook/webhook.domain.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";
import { noBody, queryOf } from "../http/input.ts";
import { pageBody, pageOf } from "../http/pages.ts";
import { time } from "./views.ts";

/** Shows neither the body that was sent nor the receiver's answer. */
async function deliveryView({ ctx }: Exchange, row: DeliveryRow) {
  const { publicId: id, batchId, event, state: status, dueAt, attempts } = row;
  const client = await actors.clientCache.get(ctx, { id: row.clientId });
  return {
    id,
    batchId,
    clientId: client?.publicId ?? null,
    event,
    status,
    nextAt: time(dueAt),
    attempts: attempts.map((attempt) => ({ ...attempt, at: time(attempt.at) })),
  };
}

/** The schema of what `deliveryView` answers. */
export const deliverySchema: JsonSchema = record({
  id,
  batchId: id,
  clientId: orNull(id),
  event: choice(webhookEvents),
  status: choice(deliveryStates),
  nextAt: described("When it is sent next; null: never.", orNull(instant)),
  attempts: listOf(
    record({
      at: instant,
      status: described("Of the receiver's answer; null: there was none.", orNull(count)),
      error: orNull(text()),
      ms: { type: "number", minimum: 0 },
    }),
  ),
});

/** Throws validation. */
function statusOf(status: string | undefined): { state?: DeliveryState } {
  if (status === undefined) return {};
  if ((deliveryStates as readonly string[]).includes(status)) return { state: status as DeliveryState };
  throw new Problem("validation", 'The query\'s "status" is wrong.', {
    errors: [{ pointer: "/status", detail: `expected one of ${deliveryStates.join(", ")}` }],
  });
}

export async function listDeliveries(exchange: Exchange): Promise<Reply> {
  const { batch, status, ...query } = queryOf(exchange, "batch", "status", "limit", "cursor");
  const page = pageOf(exchange, "deliveries", query);
  const rows = await actors.webhook.list(exchange.ctx, {
    ...page.asked,
    ...statusOf(status),
    ...(batch === undefined ? {} : { batch }),
  });
  return json(200, await pageBody(exchange, page, rows, (row) => deliveryView(exchange, row)));
}

export async function replayDelivery(exchange: Exchange): Promise<Reply> {
  await noBody(exchange);
  const row = await actors.webhook.replay(exchange.ctx, { publicId: exchange.path.id ?? "" });
  return json(200, await deliveryView(exchange, row));
}
