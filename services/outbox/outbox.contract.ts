import type { OutboxDraft, OutboxRow } from "../../database/store.ts";
import type { ReadyBatch } from "../batchProcessor/batchProcessor.contract.ts";
import { action, typed } from "../declare.ts";
import { uuidv7 } from "../ids.ts";
import { described, id, instant, type JsonSchema, record, text } from "../schema.ts";

export const outboxActions = {
  /**
   * Publishes rows that were just committed, and forgets them once they are confirmed; wakes the sender of webhooks where it
   * has one to send. `ready`: the batch that they tell of. Never throws.
   */
  publish: action({
    rows: typed<OutboxRow[]>({ type: "array" }),
    ready: { ...typed<ReadyBatch>({ type: "object" }), optional: true },
  }).answers<void>(),
  /** Says that something may be claimable (a freed or raised cap, a hand-back). Never throws. */
  wake: action({}).answers<void>(),
  /** A round trip to RabbitMQ, in ms; null: there is none. Throws while it is away or takes no messages. */
  ping: action({}).answers<number | null>(),
};

/** What outsiders hear of: a batch's way, and what operators changed. */
export type EventType = "batch.created" | "batch.ready" | "batch.completed" | "client.changed" | "policy.changed";

/** CloudEvents 1.0, structured JSON. */
export interface CloudEvent {
  specversion: "1.0";
  id: string;
  source: string;
  type: EventType;
  subject: string;
  time: string;
  datacontenttype: "application/json";
  data: Record<string, unknown>;
}

/** The document of a change, for the same commit; its id stays the same however often it is published. */
export function draftEvent(
  namespace: string,
  type: EventType,
  subject: string,
  data: Record<string, unknown>,
): OutboxDraft {
  const event: CloudEvent = {
    specversion: "1.0",
    id: uuidv7(),
    source: `/${namespace}`,
    type,
    subject,
    time: new Date().toISOString(),
    datacontenttype: "application/json",
    data,
  };
  return { topic: type, body: JSON.stringify(event) };
}

/** What of a policy says which events go to the client's webhook. */
export interface WantsEvents {
  webhook: { events: readonly string[] } | null;
}

/** Each of the events that the policy wants sent becomes a delivery in the same commit. */
export function forWebhook(events: OutboxDraft[], { webhook }: WantsEvents): OutboxDraft[] {
  if (!webhook) return events;
  return events.map((event) =>
    webhook.events.includes(event.topic) ? { ...event, delivery: { publicId: uuidv7() } } : event,
  );
}

/** What `draftEvent` makes of a type whose data is so. */
export const eventSchema = (type: EventType, data: JsonSchema): JsonSchema =>
  record({
    specversion: { const: "1.0" },
    id: described("The same over repeats.", id),
    source: text("`/` and the system's NAMESPACE."),
    type: { const: type },
    subject: described("Whom it is about.", id),
    time: instant,
    datacontenttype: { const: "application/json" },
    data,
  });
