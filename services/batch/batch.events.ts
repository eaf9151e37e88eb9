import { v7 as uuidv7 } from "uuid";
import type { BatchRow, OutboxDraft } from "../../database/store.ts";
import type { CloudEvent } from "../outbox/outbox.contract.ts";

type Topic = "batch.created" | "batch.ready" | "batch.completed";

/** Makes the CloudEvents document of a change; its id stays the same however often it is published. */
function draft(topic: Topic, batchId: string, data: CloudEvent["data"], source: string): OutboxDraft {
  const event: CloudEvent = {
    specversion: "1.0",
    id: uuidv7(),
    source,
    type: topic,
    subject: batchId,
    time: new Date().toISOString(),
    datacontenttype: "application/json",
    data: { batchId, ...data },
  };
  return { topic, body: JSON.stringify(event) };
}

/** The events of one node; `source` is the CloudEvents source of its system. */
export class BatchEvents {
  private readonly source: string;

  constructor(namespace: string) {
    this.source = `/${namespace}`;
  }

  /** What a new batch tells: that it exists and, where nothing holds it, that it is ready. */
  created(batchId: string, clientId: string, state: BatchRow["state"], version: number): OutboxDraft[] {
    const data = { clientId, status: state, version };
    const created = draft("batch.created", batchId, data, this.source);
    return state === "ready" ? [created, draft("batch.ready", batchId, data, this.source)] : [created];
  }

  /** `batch` is the one before the move. */
  ready(batch: BatchRow, clientId: string): OutboxDraft[] {
    const data = { clientId, status: "ready", version: batch.version + 1 };
    return [draft("batch.ready", batch.publicId, data, this.source)];
  }

  /** `after` is the batch as the commit or move will leave it; `data.status` tells how it ended. */
  completed(after: BatchRow, clientId: string): OutboxDraft[] {
    const { records: received, accepted, rejected, duplicate, reason } = after;
    const data = {
      clientId,
      status: after.state,
      version: after.version,
      counts: { received, accepted, rejected, duplicate },
      error: reason && "code" in reason ? reason : null,
    };
    return [draft("batch.completed", after.publicId, data, this.source)];
  }
}
