/** Between rows and the types of the seam. */
import { batchList, liveColumn } from "../../rows.ts";
import { batchChunk } from "../../schema/tables.ts";
import type { BatchRow, Due, OutboxDraft, StoredChunk } from "../../store.ts";
import { listOf } from "../../units/steps.ts";
import type { Sql } from "./sql.ts";

export { batchRow, hasEnded, jsonOrNull, type RawBatch } from "../../rows.ts";

const hex = (bytes: string) => `nullif(lower(hex(${bytes})), '')`;

/** A batch as SELECT list or RETURNING list. */
export const batchColumns = batchList((column) => column, hex);

/** The same from `LIVE`. */
export const liveColumns = batchList(liveColumn, hex);

const chunkColumns = listOf(
  batchChunk,
  ["no", "firstRecord", "firstLine", "records", "codec", "oversized", "body"],
  "batch_chunk",
);

export function readChunk(sql: Sql, id: number, no: number): StoredChunk | null {
  const raw = sql.get<Omit<StoredChunk, "oversized"> & { oversized: string | null }>(
    `SELECT ${chunkColumns} FROM batch_chunk WHERE batch_id = ?1 AND no = ?2`,
    id,
    no,
  );
  return raw ? { ...raw, oversized: raw.oversized === null ? [] : JSON.parse(raw.oversized) } : null;
}

export function insertChunks(sql: Sql, id: number, chunks: StoredChunk[]): void {
  for (const { no, firstRecord, firstLine, records, codec, oversized, body } of chunks)
    sql.run(
      `INSERT INTO batch_chunk (batch_id, no, first_record, first_line, records, codec, oversized, body)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)`,
      id,
      no,
      firstRecord,
      firstLine,
      records,
      codec,
      oversized.length === 0 ? null : JSON.stringify(oversized),
      body,
    );
}

/** Writes the events of `batch`. The ids of the new rows; their texts are not sent back to who sent them. */
export function insertOutbox(
  sql: Sql,
  events: OutboxDraft[],
  now: number,
  batch: Pick<BatchRow, "id" | "clientId">,
): number[] {
  return events.map((event) => {
    if (event.delivery) insertDelivery(sql, event, now, batch);
    const { topic, body } = event;
    return sql.insert("INSERT INTO outbox (topic, body, due_at, attempts) VALUES (?1, ?2, ?3, 0)", topic, body, now);
  });
}

/**
 * A batch has one delivery an event. The first word that it is created or ready is enough; of its end a later one counts
 * (it was driven again), and takes the place of the former.
 */
function insertDelivery(
  sql: Sql,
  { topic, body, delivery }: OutboxDraft,
  now: number,
  { id, clientId }: Pick<BatchRow, "id" | "clientId">,
): void {
  sql.run(
    `INSERT INTO delivery (public_id, batch_id, client_id, event, body, state, due_at, attempts, created_at)
     VALUES (?1, ?2, ?3, ?4, ?5, 'pending', ?6, 0, ?6)
     ON CONFLICT (batch_id, event) DO UPDATE SET body = excluded.body, state = 'pending', due_at = excluded.due_at,
       tries = 0, claim = NULL WHERE delivery.event = 'batch.completed'`,
    delivery?.publicId ?? null,
    id,
    clientId,
    topic,
    body,
    now,
  );
}

export function dueAt(due: Due, now: number): number | null {
  if (due === null) return null;
  return "at" in due ? due.at : now + due.inMs;
}
