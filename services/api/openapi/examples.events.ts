/** The example events, as webhooks and event streams send them. */
import { endedBatch } from "./examples.batches.ts";
import { client, ids, webhook } from "./examples.ts";

const told = { batchId: ids.batch, clientId: ids.client, dataset: "default" };

export const delivery = {
  id: ids.delivery,
  batchId: ids.batch,
  clientId: ids.client,
  clientIdentifier: client.clientIdentifier,
  event: "batch.completed",
  status: "pending",
  nextAt: "2026-11-23T08:05:00.000Z",
  createdAt: "2026-11-23T08:00:00.021Z",
  url: webhook.url,
  attempts: [{ at: "2026-11-23T08:00:00.100Z", status: 502, error: "The answer was 502.", ms: 31 }],
};

/** The `data` of each event about the example batch. */
export const eventData = {
  "batch.created": { ...told, status: "ready", version: 1 },
  "batch.ready": { ...told, status: "ready", version: 1 },
  "batch.completed": { ...told, status: endedBatch.status, version: 3, counts: endedBatch.counts, error: null },
  "batch.validated": { ...told, status: "validated", version: 3, counts: endedBatch.counts, error: null },
  "batch.undone": { ...told, status: "undone", version: 5, counts: endedBatch.counts },
  "batch.held": {
    ...told,
    status: "held",
    version: 3,
    hold: { reason: "approval", until: null, counts: endedBatch.counts },
  },
};

export const signature = {
  "webhook-id": ids.event,
  "webhook-timestamp": "1795420800",
  "webhook-signature": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
};
