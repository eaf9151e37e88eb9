import type { BatchRow, OutboxDraft } from "../../database/store.ts";
import { draftEvent, type EventType } from "../outbox/outbox.contract.ts";
import { errorForPartner } from "./batch.reasons.ts";

/** An operator may give any reason; a webhook's body has at most 20 kB, and a character up to 6 bytes of JSON. */
const LONGEST_DETAIL = 3_000;

/** The events of a batch's moves. */
export class BatchEvents {
  private readonly namespace: string;

  constructor(namespace: string) {
    this.namespace = namespace;
  }

  private draft(type: EventType, batchId: string, data: Record<string, unknown>): OutboxDraft {
    return draftEvent(this.namespace, type, batchId, { batchId, ...data });
  }

  /** `batch` is the one before the move. */
  ready(batch: BatchRow, clientId: string): OutboxDraft[] {
    const data = { clientId, status: "ready", version: batch.version + 1 };
    return [this.draft("batch.ready", batch.publicId, data)];
  }

  /** `after` is the batch as the commit or move will leave it; `data.status` tells how it ended. */
  completed(after: BatchRow, clientId: string): OutboxDraft[] {
    const { records: received, accepted, rejected, duplicate } = after;
    const error = errorForPartner(after);
    const data = {
      clientId,
      status: after.state,
      version: after.version,
      counts: { received, accepted, rejected, duplicate },
      error: error && { ...error, detail: error.detail.slice(0, LONGEST_DETAIL) },
    };
    return [this.draft("batch.completed", after.publicId, data)];
  }
}
