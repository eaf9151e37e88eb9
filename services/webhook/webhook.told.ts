/** What the log says of deliveries. Each line has the batch, the request that it came by, and the delivery. */
import { Fields, type Logger } from "../../lib/log/fields.ts";
import { logOf } from "../batches.ts";
import type { CloudEvent } from "../outbox/outbox.domain.ts";
import type { AttemptRecord, TakenDelivery } from "./webhook.domain.ts";

/** A logger for lines about this delivery. */
export const logOfDelivery = (logger: Logger, { body, requestId }: TakenDelivery): Logger =>
  logOf(logger, { publicId: (JSON.parse(body) as CloudEvent).subject, requestId });

/** Tells how an attempt has ended. The URL may have secrets: it is not told. */
export function attemptTold(
  logger: Logger,
  delivery: TakenDelivery,
  { status, error, ms, next }: Omit<AttemptRecord, "id" | "claim">,
): void {
  const { publicId: deliveryId, event, tries: attempt } = delivery;
  const log = logOfDelivery(logger, delivery);
  const told = new Fields({ deliveryId, event, attempt, status, error: error ?? undefined, ms });
  if (next.state === "delivered") log.info("The webhook is delivered.", told);
  else if (next.state === "failed") log.warn("The webhook failed and is given up.", told);
  else log.info("The webhook failed and is sent again.", told);
}
