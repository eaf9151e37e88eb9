import {
  addError,
  dueOf,
  LIVE,
  mostErrorRows,
  notVoided,
  type RawError,
  ROW_BYTES,
  voidedUpload,
  WORK,
} from "../../../rows.ts";
import type {
  BatchRow,
  BatchState,
  ListQuery,
  OutboxDraft,
  OutboxRow,
  RecordErrors,
  SeenBatch,
} from "../../../store.ts";
import { batchRow, liveColumns, type Of, ofBatch, type RawBatch, Values } from "../rows.ts";
import { NOW, type Sql } from "../sql.ts";
import { passOf } from "./stale.ts";

export async function batch(sql: Sql, publicId: string, clientId: number | null): Promise<BatchRow | null> {
  const raw = await sql.get<RawBatch>(
    `SELECT ${liveColumns} FROM ${LIVE} WHERE batch.public_id = $1 AND ($2::bigint IS NULL OR batch.client_id = $2)`,
    publicId.replaceAll("\0", ""),
    clientId,
  );
  return raw ? batchRow(raw) : null;
}

export async function batchById(sql: Sql, id: number): Promise<BatchRow | null> {
  const raw = await sql.get<RawBatch>(`SELECT ${liveColumns} FROM ${LIVE} WHERE batch.id = $1`, id);
  return raw ? batchRow(raw) : null;
}

export async function childOf(sql: Sql, id: number): Promise<BatchRow | null> {
  const raw = await sql.get<RawBatch>(`SELECT ${liveColumns} FROM ${LIVE} WHERE batch.parent_id = $1`, id);
  return raw ? batchRow(raw) : null;
}

/** Lists need no header, which may be large. */
const listed = liveColumns.replace("batch.envelope", "'{}'");

export async function due(sql: Sql, state: BatchState, limit: number): Promise<BatchRow[]> {
  const rows = await sql.all<RawBatch>(
    `SELECT ${listed} FROM ${LIVE} WHERE batch.state = $1 AND ${dueOf(state)} <= ${NOW} AND ${notVoided("batch")}
     ORDER BY ${dueOf(state)} LIMIT $2`,
    state,
    limit,
  );
  return rows.map(batchRow);
}

export async function voided(sql: Sql, limit: number): Promise<BatchRow[]> {
  const rows = await sql.all<RawBatch>(
    `SELECT ${listed} FROM ${LIVE} WHERE batch.due_at <= ${NOW} AND ${voidedUpload("batch")} ORDER BY batch.due_at LIMIT $1`,
    limit,
  );
  return rows.map(batchRow);
}

/** An upload is no batch yet: it is listed only when asked for by its state. */
export async function list(sql: Sql, { clientId, state, before, limit }: ListQuery): Promise<BatchRow[]> {
  const values = new Values();
  const conditions = [state === undefined ? "batch.state <> 'receiving'" : `batch.state = ${values.add(state)}`];
  if (clientId !== undefined) conditions.push(`batch.client_id = ${values.add(clientId)}`);
  if (before !== undefined) conditions.push(`batch.id < ${values.add(before)}`);
  const rows = await sql.all<RawBatch>(
    `SELECT ${listed} FROM ${LIVE} WHERE ${conditions.join(" AND ")} ORDER BY batch.id DESC LIMIT ${values.add(limit)}`,
    ...values.list,
  );
  return rows.map(batchRow);
}

export async function changed(sql: Sql, seen: SeenBatch[]): Promise<BatchRow[]> {
  const rows = await sql.all<RawBatch>(
    `SELECT ${listed} FROM json_to_recordset($1::json) AS seen("publicId" text, version bigint)
     JOIN batch ON batch.public_id = seen."publicId" ${WORK} WHERE coalesce(w.version, batch.version) <> seen.version`,
    JSON.stringify(seen),
  );
  return rows.map(batchRow);
}

/** Of a row of `record_error`; `octet_length` reads no text that lies elsewhere. */
const ERROR_BYTES = ["raw", "field", "message"].reduce(
  (sum, column) => `${sum} + coalesce(octet_length(${column}), 0)`,
  String(ROW_BYTES),
);

/** A record comes with all its errors or not at all; the record that crosses `maxBytes` is the last one. */
const ERRORS = `SELECT e.batch_id AS "batchId", e.seq, e.n, e.line, e.field, e.code, e.message, e.raw FROM record_error e
  WHERE e.batch_id = $1 AND e.seq > ${passOf("$1")} + $2 AND e.seq <= (SELECT max(q.seq) FROM (
    SELECT p.seq, dense_rank() OVER (ORDER BY p.seq) AS place,
      sum(p.size) OVER (ORDER BY p.seq) - sum(p.size) OVER (PARTITION BY p.seq) AS before
    FROM (
      SELECT seq, ${ERROR_BYTES} AS size FROM record_error
      WHERE batch_id = $1 AND seq > ${passOf("$1")} + $2 ORDER BY seq, n LIMIT $5) p) q
    WHERE q.place <= $3 AND q.before < $4)
  ORDER BY e.seq, e.n`;

export async function errors(
  sql: Sql,
  id: number,
  after: number,
  limit: number,
  maxBytes: number,
): Promise<RecordErrors[]> {
  const rows = await sql.all<RawError & Of>(ERRORS, id, after, limit, maxBytes, mostErrorRows(maxBytes));
  const found: RecordErrors[] = [];
  for (const row of ofBatch(id, rows)) addError(found, row);
  return found;
}

/** The row that crosses `maxBytes` is the last one, so that there is always one. */
export async function records(sql: Sql, id: number, after: number, limit: number, maxBytes: number) {
  const rows = await sql.all<{ seq: number; data: string } & Of>(
    `SELECT $1::bigint AS "batchId", seq, data FROM (
       SELECT p.seq, p.data, sum(octet_length(p.data)) OVER (ORDER BY p.seq) - octet_length(p.data) AS before
       FROM (SELECT seq, data FROM record WHERE batch_id = $1 AND seq > $2 ORDER BY seq LIMIT $3) p) q
     WHERE before < $4 ORDER BY seq`,
    id,
    after,
    limit,
    maxBytes,
  );
  return ofBatch(id, rows);
}

/** Without an index: it is asked only after a lost answer. */
export function outboxOf(sql: Sql, events: OutboxDraft[]): Promise<OutboxRow[]> {
  const bodies = events.map(({ body }) => body);
  return sql.all("SELECT id, topic, body, attempts FROM outbox WHERE body = ANY($1::text[]) ORDER BY id", bodies);
}

export async function now(sql: Sql): Promise<number> {
  return ((await sql.get<{ now: number }>(`SELECT ${NOW} AS now`)) as { now: number }).now;
}
