/**
 * What the calls about deliveries share: the view of a delivery, and the query of a list. Operators and partners both
 * have such calls.
 */
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
import { withoutQuery } from "../../../lib/net/allowed-target.ts";
import { actors, type Caller } from "../../actors.ts";
import { plainHeaders, webhookEvents } from "../../webhook/webhook.contract.ts";
import {
  type DeliveryQuery,
  type DeliveryRow,
  type DeliveryState,
  deliveryStates,
  type WebhookEvent,
  type WholeDelivery,
} from "../../webhook/webhook.domain.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";
import { timeIn, wrongQuery } from "../http/input.ts";
import { limitOf } from "../http/pages.ts";
import { time } from "./views.ts";

/** The members of a delivery that everybody sees, without the body that was sent and without the receiver's answer. */
const shownToAll = ({ publicId: id, batchId, event, state: status, dueAt, createdAt, attempts }: DeliveryRow) => ({
  id,
  batchId,
  event,
  status,
  nextAt: time(dueAt),
  createdAt: time(createdAt),
  attempts: attempts.map((attempt) => ({ ...attempt, at: time(attempt.at) })),
});

/** The URL that the client's deliveries go to today. */
async function urlOf({ ctx }: { ctx: Caller }, clientId: number): Promise<string | null> {
  const { policy } = await actors.policy.get(ctx, { clientId });
  return policy.webhook && withoutQuery(policy.webhook.url);
}

export async function deliveryView(exchange: { ctx: Caller }, row: DeliveryRow) {
  const client = await actors.clientCache.get(exchange.ctx, { id: row.clientId });
  const { id, batchId, ...rest } = shownToAll(row);
  const of = { clientId: client?.publicId ?? null, clientIdentifier: client?.identifier ?? null };
  return { id, batchId, ...of, ...rest, url: client && (await urlOf(exchange, row.clientId)) };
}

/**
 * A delivery's error as a partner sees it. To which private addresses a name leads, and what the operators allow, is
 * not the partner's business.
 */
const forPartner = (error: string | null) =>
  error?.startsWith("refused: ") ? "refused: this target is not allowed" : error;

/** A delivery as its client sees it. */
export async function ownDeliveryView(exchange: { ctx: Caller }, row: DeliveryRow) {
  const { attempts, ...rest } = shownToAll(row);
  const shown = attempts.map((attempt) => ({ ...attempt, error: forPartner(attempt.error) }));
  return { ...rest, url: await urlOf(exchange, row.clientId), attempts: shown };
}

/**
 * What is sent for a delivery: the document, and the header fields. The time and the signature are made for each
 * sending, and are not kept.
 */
export function sendingView({ body }: WholeDelivery) {
  const { id } = JSON.parse(body) as { id: string };
  const made = { "webhook-timestamp": null, "webhook-signature": null };
  return { body, headers: { ...plainHeaders, "webhook-id": id, ...made } };
}

const ofClient: Record<string, JsonSchema> = {
  clientId: orNull(id),
  clientIdentifier: described("The client's name in `Authorization: Basic`.", orNull(text())),
};
const shared: Record<string, JsonSchema> = {
  event: choice(webhookEvents),
  status: choice(deliveryStates),
  nextAt: described("When it is sent next; null: never.", orNull(instant)),
  createdAt: instant,
  url: described(
    "Where it goes today, without its query; null: the policy names no webhook. Earlier attempts may have gone elsewhere.",
    orNull(text()),
  ),
  attempts: listOf(
    record({
      at: instant,
      status: described("Of the receiver's answer; null: there was none.", orNull(count)),
      error: orNull(text()),
      ms: { type: "number", minimum: 0 },
    }),
  ),
};
const sending: Record<string, JsonSchema> = {
  body: text("The document that is sent, byte for byte: this is what is signed."),
  headers: described(
    "The header fields of the request. Null: made anew for each sending, and not kept.",
    record(
      Object.fromEntries([
        ...[...Object.keys(plainHeaders), "webhook-id"].map((name) => [name, text()]),
        ...["webhook-timestamp", "webhook-signature"].map((name) => [name, { type: "null" }]),
      ]),
    ),
  ),
};

/** The schema of what `deliveryView` answers. */
export const deliverySchema: JsonSchema = record({ id, batchId: id, ...ofClient, ...shared });
/** The schema of what `ownDeliveryView` answers. */
export const ownDeliverySchema: JsonSchema = record({ id, batchId: id, ...shared });
/** The schema of one delivery with what is sent (`sendingView`). */
export const wholeDeliverySchema: JsonSchema = record({ id, batchId: id, ...ofClient, ...shared, ...sending });
export const ownWholeDeliverySchema: JsonSchema = record({ id, batchId: id, ...shared, ...sending });

function oneOf<Value extends string>(name: string, known: readonly Value[], value: string | undefined) {
  const found = known.find((one) => one === value);
  if (value === undefined || found) return found;
  throw wrongQuery(name, `expected one of ${known.join(", ")}`);
}

interface Filter {
  batch?: string;
  status?: string;
  event?: string;
  from?: string;
  to?: string;
}

/** The members of a filter of deliveries, without the client. Throws validation. */
export const filterOf = ({ batch, status, event, from, to }: Filter) => ({
  batch,
  state: oneOf<DeliveryState>("status", deliveryStates, status),
  event: oneOf<WebhookEvent>("event", webhookEvents, event),
  from: timeIn("from", from),
  to: timeIn("to", to),
});

/** Answers a page of deliveries, newest first. `list` names the list and its owner. Throws validation. */
export async function deliveryPage(
  exchange: Exchange,
  list: string,
  filter: Omit<DeliveryQuery, "limit" | "before">,
  page: { limit?: string; cursor?: string },
  show: (row: DeliveryRow) => Promise<unknown>,
): Promise<Reply> {
  const { cursors } = exchange.req.$service;
  const limit = limitOf(page.limit);
  const before = page.cursor === undefined ? undefined : cursors.openPlace(list, page.cursor);
  if (before === null) throw wrongQuery("cursor", "expected the `next` of a page before, of this list");
  const rows = await actors.webhook.list(exchange.ctx, { ...filter, ...(before && { before }), limit: limit + 1 });
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const next = rows.length > limit && last ? cursors.sealPlace(list, last) : null;
  return json(200, { items: await Promise.all(items.map(show)), next });
}
