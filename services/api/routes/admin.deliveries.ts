/** The calls of operators about webhooks: look at deliveries, send deliveries again, test a receiver. */
import { Problem } from "../../../lib/errors.ts";
import {
  count,
  described,
  flag,
  id,
  instant,
  type JsonSchema,
  listOf,
  orNull,
  record,
  schemaRef,
  text,
} from "../../../lib/json-schema.ts";
import { withoutQuery } from "../../../lib/net/allowed-target.ts";
import { actors } from "../../actors.ts";
import { auditing, clientSubject, noted } from "../../audits.ts";
import type { Client } from "../../clientCache/clientCache.contract.ts";
import { MOST_REPLAYED } from "../../webhook/webhook.contract.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";
import { instantMs, jsonBody, noBody, queryOf, strictly } from "../http/input.ts";
import { nothingListed } from "../http/pages.ts";
import { clientOf } from "./admin.clients.ts";
import { deliveryPage, deliveryView, filterOf, sendingView } from "./deliveries.ts";
import { time } from "./views.ts";

/** The client with this id or identifier. Null if there is none. */
async function clientNamed({ ctx }: Exchange, name: string): Promise<Client | null> {
  const byId = await actors.clientCache.get(ctx, { publicId: name });
  return byId ?? actors.clientCache.get(ctx, { identifier: name });
}

export async function listDeliveries(exchange: Exchange): Promise<Reply> {
  const {
    client: name,
    limit,
    cursor,
    ...filter
  } = queryOf(exchange, "batch", "client", "status", "event", "from", "to", "limit", "cursor");
  const wanted = filterOf(filter);
  const client = name === undefined ? undefined : await clientNamed(exchange, name);
  if (client === null) return json(200, nothingListed);
  const asked = { ...wanted, ...(client && { clientId: client.id }) };
  const page = { ...(limit !== undefined && { limit }), ...(cursor !== undefined && { cursor }) };
  return deliveryPage(exchange, "deliveries", asked, page, (row) => deliveryView(exchange, row));
}

const which = ({ path }: Exchange) => ({ publicId: path.id ?? "" });

export async function getDelivery(exchange: Exchange): Promise<Reply> {
  const delivery = await actors.webhook.get(exchange.ctx, which(exchange));
  return json(200, { ...(await deliveryView(exchange, delivery)), ...sendingView(delivery) });
}

export async function replayDelivery(exchange: Exchange): Promise<Reply> {
  await noBody(exchange);
  return json(200, await deliveryView(exchange, await actors.webhook.replay(exchange.ctx, which(exchange))));
}

const ofInstant = { messages: { string: "expected a time with its offset, such as 2027-01-31T12:00:00Z" } };

export const replaying = strictly({
  client: { type: "string", min: 1, max: 64, jsonSchema: text("Its id or its identifier.") },
  status: { type: "enum", values: ["failed"], optional: true },
  since: { type: "string", max: 40, ...ofInstant, jsonSchema: described("When they were made.", instant) },
  dryRun: { type: "boolean", optional: true },
});

/** The schema of what `replayDeliveries` answers. */
export const replayedSchema: JsonSchema = record({
  matched: described(`How many failed ones there are, up to ${MOST_REPLAYED}.`, count),
  isMore: described("Whether there are others beyond these: ask again.", flag),
  examples: described("Some of them, as they were before.", listOf(schemaRef("Delivery"))),
  done: described("How many are sent again now.", count),
});

export async function replayDeliveries(exchange: Exchange): Promise<Reply> {
  const { client: name, since: text, dryRun: isDryRun = false } = replaying(await jsonBody(exchange));
  const since = instantMs(text);
  if (since === null)
    throw new Problem("validation", "A field is wrong.", {
      errors: [{ pointer: "/since", detail: ofInstant.messages.string }],
    });
  const client = await clientNamed(exchange, name);
  if (!client)
    throw new Problem("validation", "There is no such client.", {
      errors: [{ pointer: "/client", detail: "expected the id or the identifier of a client" }],
    });
  const { examples, ...told } = await actors.webhook.replayFailed(exchange.ctx, {
    clientId: client.id,
    since,
    isDryRun,
  });
  const shown = await Promise.all(examples.map((row) => deliveryView(exchange, row)));
  const { matched, isMore, done } = told;
  return json(200, { matched, isMore, examples: shown, done });
}

/** The schema of what `testWebhook` answers. */
export const webhookTestSchema: JsonSchema = record({
  eventId: described("The `id` of the event, and the `webhook-id` of the request.", id),
  url: text("Where it was sent, without its query."),
  at: instant,
  status: described("Of the receiver's answer; null: there was none.", orNull(count)),
  error: described("Why a real event would be sent again; null: it was received.", orNull(text())),
  ms: { type: "number", minimum: 0 },
});

/**
 * How often a client's receiver may be tested. The limit protects the receiver, because the receiver belongs to
 * somebody else.
 */
const TESTS = { limit: 1, windowSeconds: 1 };

/** Counts a test of a client's receiver. Throws quota-exceeded. */
async function spendTest({ ctx }: Exchange, { publicId }: Client): Promise<void> {
  const spent = await actors.rateLimiter.consume(ctx, { clientId: `webhook-test:${publicId}`, ...TESTS });
  if (spent.allowed) return;
  throw new Problem("quota-exceeded", "At most one test of a webhook a second is allowed.", {
    "violated-policies": ["webhook-tests"],
    headers: { "Retry-After": String(Math.max(spent.retryAfterSeconds, 1)) },
  });
}

export async function testWebhook(exchange: Exchange): Promise<Reply> {
  await noBody(exchange);
  const client = await clientOf(exchange);
  await spendTest(exchange, client);
  const { url, at, ...told } = await actors.webhook.test(exchange.ctx, { clientId: client.id });
  const { eventId, status, error, ms } = told;
  const change = { "/status": [null, status], "/error": [null, error] };
  const entry = auditing(exchange.ctx)({ action: "client.test-webhook", subject: clientSubject(client), change });
  if (entry) await noted(exchange.req.$service.broker, entry);
  return json(200, { eventId, url: withoutQuery(url), at: time(at), status, error, ms });
}
