/** What of a batch's events goes to the client's webhook. */

import type { OutboxDraft } from "../../database/store.ts";
import { Problem } from "../errors.ts";
import { uuidv7 } from "../ids.ts";
import { call } from "../messages.ts";
import type { Policy } from "../policy/policy.contract.ts";
import type { DeliveryRow } from "./batch.contract.ts";
import type { BatchService } from "./batch.service.ts";

/** Each event that the policy of the batch wants sent becomes a delivery in the same commit. */
export function forWebhook(events: OutboxDraft[], { webhook }: Policy): OutboxDraft[] {
  if (!webhook) return events;
  return events.map((event) =>
    (webhook.events as string[]).includes(event.topic) ? { ...event, delivery: { publicId: uuidv7() } } : event,
  );
}

/** A node that runs none, or is woken in vain, leaves it to the poll of those that do. */
export function wakeSender(service: BatchService): void {
  call(service.broker, "webhook.wake", {}).catch((error: unknown) => service.logger.debug("No wake-up:", error));
}

/** Throws not-found. */
export async function replayDelivery(service: BatchService, publicId: string): Promise<DeliveryRow> {
  const { deliveries } = service.database;
  await deliveries.replayDelivery(publicId);
  const [delivery] = await deliveries.listDeliveries({ publicId, limit: 1 });
  if (!delivery) throw new Problem("not-found", "There is no such delivery.");
  wakeSender(service);
  return delivery;
}
