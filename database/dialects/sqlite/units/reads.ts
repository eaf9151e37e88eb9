/** Pure reads: they run on the second connection and see what was committed. */
import { addError, dueOf, LIVE, notVoided, PASS, type RawError, ROW_BYTES, voidedUpload, WORK } from "../../../rows.ts";
import type { BatchRow, BatchState, ListQuery, RecordErrors, SeenBatch } from "../../../store.ts";
import { batchRow, liveColumns, type RawBatch } from "../rows.ts";
import type { Sql } from "../sql.ts";

export const now = (sql: Sql) => sql.now();

/** Of many batches at once the envelope stays away: a CSV header has up to a MiB, and nobody asks a list for it. */
const listColumns = liveColumns.replace("batch.envelope", "'{}'");

export function batch(sql: Sql, publicId: string, clientId: number | null): BatchRow | null {
  const raw = sql.get<RawBatch>(
    `SELECT ${liveColumns} FROM ${LIVE} WHERE batch.public_id = ?1 AND (?2 IS NULL OR batch.client_id = ?2)`,
    publicId,
    clientId,
  );
  return raw ? batchRow(raw) : null;
}

export function childOf(sql: Sql, id: number): BatchRow | null {
  const raw = sql.get<RawBatch>(`SELECT ${liveColumns} FROM ${LIVE} WHERE batch.parent_id = ?1`, id);
  return raw ? batchRow(raw) : null;
}

export function due(sql: Sql, state: BatchState, limit: number): BatchRow[] {
  return sql
    .all<RawBatch>(
      `SELECT ${listColumns} FROM ${LIVE} WHERE batch.state = ?1 AND ${dueOf(state)} <= ?2 AND ${notVoided("batch")}
       ORDER BY ${dueOf(state)} LIMIT ?3`,
      state,
      sql.now(),
      limit,
    )
    .map(batchRow);
}

export function voided(sql: Sql, limit: number): BatchRow[] {
  return sql
    .all<RawBatch>(
      `SELECT ${listColumns} FROM ${LIVE} WHERE batch.due_at <= ?1 AND ${voidedUpload("batch")} ORDER BY batch.due_at LIMIT ?2`,
      sql.now(),
      limit,
    )
    .map(batchRow);
}

/** An upload is no batch yet: it is listed only when asked for by its state. */
export function list(sql: Sql, { clientId, state, before, limit }: ListQuery): BatchRow[] {
  const conditions = [
    state === undefined ? "batch.state <> 'receiving'" : "batch.state = ?1",
    clientId === undefined ? "?2 IS NULL" : "batch.client_id = ?2",
    "batch.id < ?3",
  ];
  return sql
    .all<RawBatch>(
      `SELECT ${listColumns} FROM ${LIVE} WHERE ${conditions.join(" AND ")} AND ?1 IS ?1 ORDER BY batch.id DESC LIMIT ?4`,
      state ?? null,
      clientId ?? null,
      before ?? Number.MAX_SAFE_INTEGER,
      limit,
    )
    .map(batchRow);
}

/** CROSS JOIN keeps SQLite to this order: it guesses a list that it cannot see to be long, and would read all batches. */
export function changed(sql: Sql, seen: SeenBatch[]): BatchRow[] {
  return sql
    .all<RawBatch>(
      `SELECT ${listColumns}
       FROM (SELECT value ->> 'publicId' AS wanted, value ->> 'version' AS seen FROM json_each(?1))
       CROSS JOIN batch ON batch.public_id = wanted ${WORK} WHERE coalesce(w.version, batch.version) <> seen`,
      JSON.stringify(seen),
    )
    .map(batchRow);
}

const bytesOf = (text: string | null) => (text === null ? 0 : Buffer.byteLength(text));

/**
 * A record comes with all its errors or not at all, so both limits are looked at where one begins. Its raw text is read
 * after that: it may be a megabyte, which the record that no longer fits would cost for nothing.
 */
export function errors(sql: Sql, id: number, after: number, limit: number, maxBytes: number): RecordErrors[] {
  const rows = sql.statement(
    `SELECT seq, n, line, field, code, message FROM record_error
     WHERE batch_id = ?1 AND seq > (SELECT pass * ${PASS} FROM batch WHERE id = ?1) + ?2 ORDER BY seq, n`,
  );
  const found: RecordErrors[] = [];
  let size = 0;
  for (const row of rows.iterate(id, after) as Iterable<Omit<RawError, "raw">>) {
    if (row.n === 0 && (found.length === limit || size >= maxBytes)) break;
    const raw = row.n === 0 ? rawOf(sql, id, row.seq) : "";
    addError(found, { ...row, raw });
    size += ROW_BYTES + bytesOf(raw) + bytesOf(row.field) + bytesOf(row.message);
  }
  return found;
}

function rawOf(sql: Sql, id: number, seq: number): string {
  const row = sql.get<{ raw: string }>(
    "SELECT raw FROM record_error WHERE batch_id = ?1 AND seq = ?2 AND n = 0",
    id,
    seq,
  );
  return row?.raw ?? "";
}

export function records(sql: Sql, id: number, after: number, limit: number, maxBytes: number) {
  const found: { seq: number; data: string }[] = [];
  let size = 0;
  const rows = sql.statement("SELECT seq, data FROM record WHERE batch_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3");
  for (const row of rows.iterate(id, after, limit) as Iterable<{ seq: number; data: string }>) {
    found.push(row);
    size += bytesOf(row.data);
    if (size >= maxBytes) break;
  }
  return found;
}
