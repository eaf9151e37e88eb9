import type { OutboxRow } from "../../database/store.ts";
import { action, typed } from "../declare.ts";

export const outboxActions = {
  /** Publishes rows that were just committed, and forgets them once they are confirmed. Never throws. */
  "outbox.publish": action({ rows: typed<OutboxRow[]>({ type: "array" }) }).answers<void>(),
  /** Says that something may be claimable (a freed or raised cap, a hand-back). Never throws. */
  "outbox.wake": action({}).answers<void>(),
};

/** CloudEvents 1.0, structured JSON. */
export interface CloudEvent {
  specversion: "1.0";
  id: string;
  source: string;
  type: string;
  subject: string;
  time: string;
  datacontenttype: "application/json";
  data: Record<string, unknown>;
}
