import { described, id, type JsonSchema } from "../../lib/json-schema.ts";
import { action } from "../declare.ts";
import { type DeliveryRow, deliveryStates } from "./webhook.domain.ts";

/** The events that a webhook can receive. */
export const webhookEvents = [
  "batch.created",
  "batch.ready",
  "batch.completed",
  "batch.validated",
  "batch.undone",
  "batch.held",
] as const;
export type WebhookEvent = (typeof webhookEvents)[number];

export const webhookActions = {
  /** A delivery was committed: send it now. */
  wake: action({}).answers<void>(),
  /** Lists deliveries, newest first. `batch` is a public id. */
  list: action({
    batch: { type: "string", optional: true },
    state: { type: "enum", values: deliveryStates, optional: true },
    before: { type: "number", optional: true },
    limit: { type: "number", integer: true, min: 1, max: 201 },
  }).answers<DeliveryRow[]>(),
  /** Sends a delivery again, now. Throws not-found. */
  replay: action({ publicId: { type: "string" } }).answers<DeliveryRow>(),
};

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
