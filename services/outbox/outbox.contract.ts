import { described, id, instant, type JsonSchema, record, text } from "../../lib/json-schema.ts";
import type { ReadyBatch } from "../batchProcessor/batchProcessor.contract.ts";
import { action, typed } from "../declare.ts";
import type { EventType, OutboxRow } from "./outbox.domain.ts";

export const outboxActions = {
  /**
   * Publishes rows that were just committed, and deletes them once they are confirmed. Wakes the webhook service if there
   * is a delivery. `ready`: the ready batch among them. Never throws.
   */
  publish: action({
    rows: typed<OutboxRow[]>({ type: "array" }),
    ready: { ...typed<ReadyBatch>({ type: "object" }), optional: true },
  }).answers<void>(),
  /** Wakes workers: something may be claimable (a freed or raised cap, a hand-back). Never throws. */
  wake: action({}).answers<void>(),
  /** A round trip to RabbitMQ, in ms; null: there is none. Throws while it is away or takes no messages. */
  ping: action({}).answers<number | null>(),
};

/** The schema of an event of this type, as `draftEvent` makes it. */
export const eventSchema = (type: EventType, data: JsonSchema): JsonSchema =>
  record(
    {
      specversion: { const: "1.0" },
      id: described("The same over repeats.", id),
      source: text("`/` and the system's NAMESPACE."),
      type: { const: type },
      subject: described("Whom it is about.", id),
      time: instant,
      datacontenttype: { const: "application/json" },
      traceparent: text("The trace that the event belongs to (W3C Trace Context), if it is traced."),
      tracestate: text("What comes with `traceparent`."),
      data,
    },
    ["traceparent", "tracestate"],
  );
