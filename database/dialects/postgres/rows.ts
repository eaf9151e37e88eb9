import { batchList, batchRow, liveColumn, moving, movingColumns, type RawBatch } from "../../rows.ts";
import { batchChunk } from "../../schema/tables.ts";
import type { Due, NewBatch, OutboxDraft, StoredChunk, Written } from "../../store.ts";
import { listOf } from "../../units/steps.ts";
import { NOW } from "./sql.ts";

export { batchRow, hasEnded, jsonOrNull, type RawBatch } from "../../rows.ts";

const hex = (bytes: string) => `encode(${bytes}, 'hex')`;

/** A batch as SELECT or RETURNING list, of the table or alias `of`. */
export const batchColumns = (of = "batch") => batchList((column) => `${of}.${column}`, hex);

/** The same from `LIVE`. */
export const liveColumns = batchList(liveColumn, hex);

/** The same of a batch `b` that its worker has from now on until then. */
export const claimedColumns = (until: string) =>
  batchList((column) => (column === "due_at" ? until : `b.${column}`), hex);

/** The moving columns of a batch `made`, as `claimedColumns` names them. */
export const madeMoving = moving.map(({ name }) => `made."${name}"`).join(", ");

/** The moving columns, of the alias `of`. */
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
  /** `type` names it to PostgreSQL where the context does not. */
  add(value: unknown, type?: string): string {
    this.list.push(value);
    return `$${this.list.length}${type ? `::${type}` : ""}`;
  }
}

/** `due` as an expression: so long from now, at a time, or NULL. */
export function dueAt(due: Due, values: Values): string {
  if (due === null) return "NULL";
  return "at" in due ? values.add(due.at, "bigint") : `(${NOW} + ${values.add(due.inMs, "bigint")})`;
}

/**
 * CTE `outbox_rows`: the events, written only where `source` (with `id` and `"clientId"` of the batch) has a row, in their
 * order; and `delivery_rows`, where some are for a webhook.
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

/**
 * A batch has one delivery an event. The first word that it is created or ready is enough; of its end a later one counts
 * (it was driven again), and takes the place of the former.
 */
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
    ON CONFLICT (batch_id, event) DO UPDATE SET body = excluded.body, state = 'pending', due_at = excluded.due_at,
      tries = 0, claim = NULL WHERE delivery.event = 'batch.completed')`;
}
export const outboxIds = "(SELECT coalesce(json_agg(o.id ORDER BY o.id), '[]') FROM outbox_rows o) AS outbox";

/** CTE `chunk_rows`: the chunks, written only where `source` has a row. Bodies go over as bytes, not as text. */
export function chunksCte(chunks: StoredChunk[], source: string, values: Values): string[] {
  if (chunks.length === 0) return [];
  const rows = chunks.map(
    ({ no, firstRecord, firstLine, records, codec, oversized, body }) =>
      `(${[
        values.add(no, "int"),
        values.add(firstRecord, "bigint"),
        values.add(firstLine, "bigint"),
        values.add(records, "int"),
        values.add(codec, "varchar"),
        values.add(oversized.length === 0 ? null : JSON.stringify(oversized), "text"),
        values.add(Buffer.from(body.buffer, body.byteOffset, body.byteLength), "bytea"),
      ].join(", ")})`,
  );
  return [
    `chunk_rows AS (INSERT INTO batch_chunk (batch_id, no, first_record, first_line, records, codec, oversized, body)
    SELECT ${source}.id, c.* FROM ${source}, (VALUES ${rows.join(", ")}) AS c)`,
  ];
}

export interface RawChunk extends Omit<StoredChunk, "oversized"> {
  oversized: string | null;
}
/** A chunk as SELECT list of the alias `c`. */
export const chunkColumns = listOf(
  batchChunk,
  ["no", "firstRecord", "firstLine", "records", "codec", "oversized", "body"],
  "c",
);

export function storedChunk(raw: RawChunk): StoredChunk {
  return { ...raw, oversized: raw.oversized === null ? [] : JSON.parse(raw.oversized) };
}

/** The columns of a batch that its upload brings. */
export const identity = ({ publicId, clientId, policyVersion, format, requestId }: NewBatch) =>
  [publicId, clientId, policyVersion, format, requestId] as const;
