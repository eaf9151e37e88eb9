/** Log lines about deliveries. Each line names the batch, the request that made the batch, and the delivery. */
import { Fields, type Logger } from "../../lib/log/fields.ts";
import { logOf } from "../batches.ts";
import type { CloudEvent } from "../outbox/outbox.domain.ts";
import type { AttemptRecord, TakenDelivery } from "./webhook.domain.ts";

/** A logger for lines about this delivery. */
export const logOfDelivery = (logger: Logger, { body, requestId }: TakenDelivery): Logger =>
  logOf(logger, { publicId: (JSON.parse(body) as CloudEvent).subject, requestId });

/** Logs how an attempt ended. The line leaves out the URL, because a URL may contain secrets. */
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
