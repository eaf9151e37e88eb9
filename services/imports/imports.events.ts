import type { BatchState, OutboxDraft } from "../../database/store.ts";
import { draftEvent, forWebhook, type WantsEvents } from "../events.ts";

export interface NewBatchEvents {
  batchId: string;
  /** The client's public id. */
  clientId: string;
  state: BatchState;
  version: number;
}

/** The events of a new batch: created and, unless it is held, ready. */
export function newBatchEvents(namespace: string, batch: NewBatchEvents, policy: WantsEvents): OutboxDraft[] {
  const { batchId, clientId, state: status, version } = batch;
  const data = { batchId, clientId, status, version };
  const created = draftEvent(namespace, "batch.created", batchId, data);
  const events = status === "ready" ? [created, draftEvent(namespace, "batch.ready", batchId, data)] : [created];
  return forWebhook(events, policy);
}
