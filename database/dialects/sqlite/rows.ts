/** Converts rows of SQLite to the types of the store and back. */

import type { AuditDraft, AuditRow } from "../../../services/audit/audit.domain.ts";
import type { BatchRow, StoredChunk } from "../../../services/batch/batch.domain.ts";
import type { Due } from "../../../services/batch/batch.writes.domain.ts";
import type { OutboxDraft } from "../../../services/outbox/outbox.domain.ts";
import { batchList, liveColumn } from "../../rows.ts";
import { audit, batchChunk } from "../../schema/tables.ts";
import { listOf } from "../../units/steps.ts";
import type { Sql } from "./sql.ts";

export { batchRow, hasEnded, jsonOrNull, type RawBatch } from "../../rows.ts";

const hex = (bytes: string) => `nullif(lower(hex(${bytes})), '')`;

/** The columns of a batch, as a SELECT list or RETURNING list. */
export const batchColumns = batchList((column) => column, hex);

/** The SELECT list of a batch from `LIVE`, with its current moving columns. */
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

const auditColumns = audit.columns.filter(({ name }) => name !== "id");
const auditText = `INSERT INTO audit (${auditColumns.map(({ column }) => column).join(", ")})
  VALUES (${auditColumns.map((_, i) => `?${i + 1}`).join(", ")})`;

/** Inserts the audit row of a change. */
export function insertAudit(sql: Sql, draft: AuditDraft, now: number): void {
  const row: Omit<AuditRow, "id"> = { ...draft, at: now };
  sql.run(auditText, ...auditColumns.map(({ name }) => row[name as keyof typeof row]));
}

/** Inserts the events of `batch`. Answers only the ids of the new rows, because the caller has the other columns. */
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
 * Inserts the webhook delivery of an event. A batch has one delivery for each event. For `created` and `ready` the
 * first delivery stays. For the end of a batch a later delivery (after a redrive) replaces the earlier one.
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
