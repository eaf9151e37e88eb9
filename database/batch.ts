/** A batch as the store gives it, and what goes with it when it is written. */
import type { Row } from "./schema/table.ts";
import { batch } from "./schema/tables.ts";

/** Columns that only statements need. */
const OWN = ["parentId", "pass"] as const;

export type BatchRow = Omit<Row<typeof batch>, (typeof OWN)[number]>;

/** The columns of a `BatchRow`, in the table's order. */
export const rowColumns = batch.columns.filter(({ name }) => !(OWN as readonly string[]).includes(name));

/** When a wait ends: so long from now by the database's clock, at a time, or never by itself. */
export type Due = { inMs: number } | { at: number } | null;

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

/** What a unit did: the batch after it, and the outbox rows that it wrote (to be published and then deleted). */
export interface Written {
  batch: BatchRow;
  outbox: OutboxRow[];
}
