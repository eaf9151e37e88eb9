/**
 * Drafts of the events of a change. Whichever actor commits the change, they become rows of the outbox in the same
 * commit.
 */

import { type TraceHeaders, traceHeaders } from "../lib/trace/trace.ts";
import { uuidv7 } from "./ids.ts";
import type { CloudEvent, EventType, OutboxDraft, WantsEvents } from "./outbox/outbox.domain.ts";

/**
 * The event of a change, for the same commit. Its id stays the same if it is published several times. `trace`: the trace of the change.
 * Omitted: the active trace.
 */
export function draftEvent(
  namespace: string,
  type: EventType,
  subject: string,
  data: Record<string, unknown>,
  trace: TraceHeaders | undefined = traceHeaders(),
): OutboxDraft {
  const event: CloudEvent = {
    specversion: "1.0",
    id: uuidv7(),
    source: `/${namespace}`,
    type,
    subject,
    time: new Date().toISOString(),
    datacontenttype: "application/json",
    ...trace,
    data,
  };
  return { topic: type, body: JSON.stringify(event) };
}

/** The public id of the batch that an event is about. Undefined: the event is not about a batch. */
export const batchOf = ({ topic, body }: OutboxDraft): string | undefined =>
  topic.startsWith("batch.") ? (JSON.parse(body) as CloudEvent).subject : undefined;

/** Turns the events that the policy's webhook wants into deliveries, for the same commit. */
export function forWebhook(events: OutboxDraft[], { webhook }: WantsEvents): OutboxDraft[] {
  if (!webhook) return events;
  return events.map((event) =>
    webhook.events.includes(event.topic) ? { ...event, delivery: { publicId: uuidv7() } } : event,
  );
}
