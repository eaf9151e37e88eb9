/** Events: as they wait in the outbox, and as they are published. */

/** An event that becomes a row of the outbox in the same unit. `body` is the JSON document to publish. */
export interface OutboxDraft {
  topic: string;
  body: string;
  /** Also written down to be sent to the client's webhook, under this id. */
  delivery?: { publicId: string };
}

export interface OutboxRow extends OutboxDraft {
  id: number;
  attempts: number;
}

/** The events for outsiders: of batches, and of operators' changes. */
export type EventType =
  | "batch.created"
  | "batch.ready"
  | "batch.completed"
  | "batch.validated"
  | "batch.undone"
  | "batch.held"
  /** Only sent to a webhook, to try it. */
  | "webhook.test"
  | "client.changed"
  | "policy.changed";

/** CloudEvents 1.0, structured JSON. */
export interface CloudEvent {
  specversion: "1.0";
  id: string;
  source: string;
  type: EventType;
  subject: string;
  time: string;
  datacontenttype: "application/json";
  /** CloudEvents' extension Distributed Tracing: the trace of the change. Omitted: nobody traces it. */
  traceparent?: string;
  tracestate?: string;
  data: Record<string, unknown>;
}

/** The part of a policy that says which events go to the client's webhook. */
export interface WantsEvents {
  webhook: { events: readonly string[] } | null;
}
