import type { BatchRow, OutboxDraft } from "../../database/store.ts";
import { errorForPartner } from "../batches.ts";
import { draftEvent, forWebhook } from "../events.ts";
import type { EventType } from "../outbox/outbox.contract.ts";
import type { PinnedPolicies } from "./batch.pinned.ts";

/** An operator may give any reason; a webhook's body has at most 20 kB, and a character up to 6 bytes of JSON. */
const LONGEST_DETAIL = 3_000;

/** The events of a batch's moves, with what of them goes to its client's webhook. */
export class BatchEvents {
  private readonly namespace: string;
  private readonly pinned: PinnedPolicies;

  constructor(namespace: string, pinned: PinnedPolicies) {
    this.namespace = namespace;
    this.pinned = pinned;
  }

  private async draft(type: EventType, batch: BatchRow, data: Record<string, unknown>): Promise<OutboxDraft[]> {
    const { policy, clientPublicId: clientId } = await this.pinned.of(batch);
    const { publicId: batchId } = batch;
    return forWebhook([draftEvent(this.namespace, type, batchId, { batchId, clientId, ...data })], policy);
  }

  /** `batch` is the one before the move. */
  ready(batch: BatchRow): Promise<OutboxDraft[]> {
    return this.draft("batch.ready", batch, { status: "ready", version: batch.version + 1 });
  }

  /** `after` is the batch as the commit or move will leave it; `data.status` tells how it ended. */
  completed(after: BatchRow): Promise<OutboxDraft[]> {
    const { records: received, accepted, rejected, duplicate } = after;
    const error = errorForPartner(after);
    return this.draft("batch.completed", after, {
      status: after.state,
      version: after.version,
      counts: { received, accepted, rejected, duplicate },
      error: error && { ...error, detail: error.detail.slice(0, LONGEST_DETAIL) },
    });
  }
}
