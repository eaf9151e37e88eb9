import { described, id, type JsonSchema } from "../../lib/json-schema.ts";
import { action, typed } from "../declare.ts";
import {
  type DeliveryPlace,
  type DeliveryRow,
  deliveryStates,
  type Replayed,
  type WebhookTest,
  type WholeDelivery,
  webhookEvents,
} from "./webhook.domain.ts";

export { type WebhookEvent, webhookEvents } from "./webhook.domain.ts";

const which = { publicId: { type: "string" }, clientId: { type: "number", optional: true } } as const;

export const webhookActions = {
  /** A delivery was committed: send it now. */
  wake: action({}).answers<void>(),
  /** Lists deliveries, newest first. `batch` is a public id; `clientId` is internal. Times are epoch ms, both inclusive. */
  list: action({
    batch: { type: "string", optional: true },
    clientId: { type: "number", optional: true },
    state: { type: "enum", values: deliveryStates, optional: true },
    event: { type: "enum", values: webhookEvents, optional: true },
    from: { type: "number", optional: true },
    to: { type: "number", optional: true },
    before: { ...typed<DeliveryPlace>({ type: "object" }), optional: true },
    limit: { type: "number", integer: true, min: 1, max: 201 },
  }).answers<DeliveryRow[]>(),
  /** A delivery with the document that it sends. Throws not-found, also where it is not `clientId`'s. */
  get: action(which).answers<WholeDelivery>(),
  /** Sends a delivery again, now. Throws not-found, also where it is not `clientId`'s. */
  replay: action(which).answers<DeliveryRow>(),
  /**
   * Sends failed deliveries of a client again that were made since a time (epoch ms): the oldest first, at most MOST_REPLAYED. With
   * `isDryRun` it only tells which. Throws no-webhook.
   */
  replayFailed: action({
    clientId: { type: "number" },
    since: { type: "number" },
    isDryRun: { type: "boolean" },
  }).answers<Replayed>(),
  /** Sends the client's webhook a test event, once, and answers what its receiver said. Throws no-webhook. */
  test: action({ clientId: { type: "number" } }).answers<WebhookTest>(),
};

/** The most deliveries that one call replays. */
export const MOST_REPLAYED = 1_000;

/** CloudEvents in structured JSON mode. */
export const WEBHOOK_TYPE = "application/cloudevents+json";

/** The header fields of every webhook request, by Standard Webhooks 1.0.0. */
export const webhookHeaders: Record<string, JsonSchema> = {
  "webhook-id": described("The event's `id`, the same each time it is sent: store the ids that you have handled.", id),
  "webhook-timestamp": described(
    "When it was sent, in seconds since 1970. Refuse a request that is more than 5 minutes off.",
    {
      type: "string",
      pattern: "^\\d+$",
    },
  ),
  "webhook-signature": described(
    "Standard Webhooks 1.0.0, HMAC-SHA256 of `webhook-id.webhook-timestamp.body`: one for each valid secret.",
    { type: "string", pattern: "^v1,[A-Za-z0-9+/]{43}=( v1,[A-Za-z0-9+/]{43}=)*$" },
  ),
};

/** The header fields that each request has beside those. */
export const plainHeaders = { "content-type": `${WEBHOOK_TYPE}; charset=utf-8`, "user-agent": "DataFlow-Webhooks/1.0" };

/** The `type` of the event that only `test` sends. */
export const TEST_EVENT = "webhook.test";
/** What it says, so that no receiver takes it for news of a batch. */
export const TEST_MESSAGE = "A test, which an operator has sent. It tells of no batch.";
