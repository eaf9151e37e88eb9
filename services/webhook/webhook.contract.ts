import { type DeliveryRow, deliveryStates } from "../../database/deliveries.ts";
import { described, id, type JsonSchema } from "../../lib/json-schema.ts";
import { action } from "../declare.ts";

export type { DeliveryRow, DeliveryState } from "../../database/deliveries.ts";
export { deliveryStates } from "../../database/deliveries.ts";

/** The events that a webhook may hear of. */
export const webhookEvents = ["batch.created", "batch.ready", "batch.completed"] as const;
export type WebhookEvent = (typeof webhookEvents)[number];

export const webhookActions = {
  /** A delivery was committed: send it now. */
  wake: action({}).answers<void>(),
  /** Newest first; `batch` is a public id. */
  list: action({
    batch: { type: "string", optional: true },
    state: { type: "enum", values: deliveryStates, optional: true },
    before: { type: "number", optional: true },
    limit: { type: "number", integer: true, min: 1, max: 201 },
  }).answers<DeliveryRow[]>(),
  /** Sends a delivery again, now. Throws not-found. */
  replay: action({ publicId: { type: "string" } }).answers<DeliveryRow>(),
};

/** CloudEvents in structured JSON. */
export const WEBHOOK_TYPE = "application/cloudevents+json";

/** The frame of Standard Webhooks 1.0.0: the header fields of every sending. */
export const webhookHeaders: Record<string, JsonSchema> = {
  "webhook-id": described("The event's `id`, the same over repeats: keep those that you have worked.", id),
  "webhook-timestamp": described("When it was sent, in seconds since 1970; refuse what is more than 5 minutes off.", {
    type: "string",
    pattern: "^\\d+$",
  }),
  "webhook-signature": described(
    "Standard Webhooks 1.0.0, HMAC-SHA256 of `webhook-id.webhook-timestamp.body`: one for each secret that counts now.",
    { type: "string", pattern: "^v1,[A-Za-z0-9+/]{43}=( v1,[A-Za-z0-9+/]{43}=)*$" },
  ),
};
