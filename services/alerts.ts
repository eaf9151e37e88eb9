/** Drafts of alerts for the operators' chat. The actor that commits a change writes the draft to the outbox in the same commit. */
import type { ServiceBroker } from "moleculer";
import { configOf } from "../config/config.ts";
import { ALERT_TOPIC, type AlertNote, type AlertSubject, type NotedKind } from "./alerts/alerts.domain.ts";
import type { Standing } from "./batches.ts";
import { uuidv7 } from "./ids.ts";
import type { OutboxDraft } from "./outbox/outbox.domain.ts";

/** Whether ALERT_WEBHOOK is set. If not, nothing is written or read for alerts. */
export const hasAlerts = (broker: ServiceBroker): boolean => configOf(broker).alertWebhook !== null;

export function draftAlert(kind: NotedKind, about: AlertSubject): OutboxDraft {
  const note: AlertNote = { publicId: uuidv7(), kind, about };
  return { topic: ALERT_TOPIC, body: JSON.stringify(note) };
}

/** Whether a batch begins to wait for an operator. */
export const waitsForOperator = ({ state, reason }: Pick<Standing, "state" | "reason">): boolean =>
  state === "held" && reason !== null && "hold" in reason && reason.hold === "approval";
