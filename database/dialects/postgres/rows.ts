import type { StoredChunk } from "../../../services/batch/batch.domain.ts";
import type { Due, Written } from "../../../services/batch/batch.writes.domain.ts";
import type { OutboxDraft } from "../../../services/outbox/outbox.domain.ts";
import { batchList, batchRow, liveColumn, moving, movingColumns, type RawBatch } from "../../rows.ts";
import { batchChunk } from "../../schema/tables.ts";
import { listOf } from "../../units/steps.ts";
import { NOW } from "./sql.ts";
import { TOLD_ONCE } from "./units/events.text.ts";

export { batchRow, hasEnded, jsonOrNull, type RawBatch } from "../../rows.ts";

const hex = (bytes: string) => `encode(${bytes}, 'hex')`;

/** The columns of a batch, as a SELECT or RETURNING list. `of`: the table or alias. */
export const batchColumns = (of = "batch") => batchList((column) => `${of}.${column}`, hex);

/** The SELECT list of a batch from `LIVE`, with its current moving columns. */
export const liveColumns = batchList(liveColumn, hex);

/** The SELECT list of a batch `b` that is being claimed. `until`: when the lease of the claim expires. */
export const claimedColumns = (until: string) =>
  batchList((column) => (column === "due_at" ? until : `b.${column}`), hex);

/** The moving columns of a batch `made`, under the names that `claimedColumns` gives them. */
export const madeMoving = moving.map(({ name }) => `made."${name}"`).join(", ");

/** A list of the moving columns. `of`: their table or alias. */
export const movingOf = (of: string) => movingColumns.map((column) => `${of}.${column}`).join(", ");

/** A batch with the ids of the outbox rows that the same statement wrote. */
export type RawWritten = RawBatch & { outbox: number[] };

export function written(raw: RawWritten | undefined, events: OutboxDraft[]): Written | null {
  if (!raw) return null;
  const { outbox, ...batch } = raw;
  return {
    batch: batchRow(batch),
    outbox: events.map((event, i) => ({ ...event, id: outbox[i] as number, attempts: 0 })),
  };
}

/** Numbers the parameters of a statement as they are added. */
export class Values {
  readonly list: unknown[] = [];
  /** Adds a value, and answers its placeholder. `type`: the PostgreSQL type, if the context does not determine it. */
  add(value: unknown, type?: string): string {
    this.list.push(value);
    return `$${this.list.length}${type ? `::${type}` : ""}`;
  }
}

/** The SQL expression for `due`: a delay from now, a time, or NULL. */
export function dueAt(due: Due, values: Values): string {
  if (due === null) return "NULL";
  return "at" in due ? values.add(due.at, "bigint") : `(${NOW} + ${values.add(due.inMs, "bigint")})`;
}

/**
 * CTE `outbox_rows`: inserts the events in their order, if the CTE `source` (with `id` and `"clientId"` of the batch)
 * has a row. If some events go to a webhook, a CTE `delivery_rows` inserts their deliveries.
 */
export function outboxCte(events: OutboxDraft[], source: string, values: Values): string {
  const topics = values.add(
    events.map(({ topic }) => topic),
    "text[]",
  );
  const bodies = values.add(
    events.map(({ body }) => body),
    "text[]",
  );
  return `outbox_rows AS (INSERT INTO outbox (topic, body, due_at, attempts)
    SELECT e.topic, e.body, ${NOW}, 0 FROM ${source}, unnest(${topics}, ${bodies}) WITH ORDINALITY AS e(topic, body, n)
    ORDER BY e.n RETURNING id)${deliveriesCte(events, source, values)}`;
}

function deliveriesCte(events: OutboxDraft[], source: string, values: Values): string {
  const drafts = events.filter(({ delivery }) => delivery);
  if (drafts.length === 0) return "";
  const ids = values.add(
    drafts.map(({ delivery }) => delivery?.publicId),
    "uuid[]",
  );
  const topics = values.add(
    drafts.map(({ topic }) => topic),
    "text[]",
  );
  const bodies = values.add(
    drafts.map(({ body }) => body),
    "text[]",
  );
  return `,
  delivery_rows AS (INSERT INTO delivery (public_id, batch_id, client_id, event, body, state, due_at, attempts, created_at)
    SELECT e.public_id, ${source}.id, ${source}."clientId", e.event, e.body, 'pending', ${NOW}, 0, ${NOW}
    FROM ${source}, unnest(${ids}, ${topics}, ${bodies}) AS e(public_id, event, body)
    ${TOLD_ONCE})`;
}
export const outboxIds = "(SELECT coalesce(json_agg(o.id ORDER BY o.id), '[]') FROM outbox_rows o) AS outbox";

export interface RawChunk extends Omit<StoredChunk, "oversized"> {
  oversized: string | null;
}
/** The SELECT list of a chunk. The table has the alias `c`. */
export const chunkColumns = listOf(
  batchChunk,
  ["no", "firstRecord", "firstLine", "records", "codec", "oversized", "body"],
  "c",
);

export function storedChunk(raw: RawChunk): StoredChunk {
  return { ...raw, oversized: raw.oversized === null ? [] : JSON.parse(raw.oversized) };
}
