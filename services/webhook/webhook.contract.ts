import { action } from "../declare.ts";

export { LONGEST_URL, urlFault } from "./webhook.target.ts";

/** The events that a webhook may hear of. */
export const webhookEvents = ["batch.created", "batch.ready", "batch.completed"] as const;
export type WebhookEvent = (typeof webhookEvents)[number];

export const webhookActions = {
  /** Something was committed that is to be sent now. */
  "webhook.wake": action({}).answers<void>(),
};
