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
import { AT_NOW, batchRow, liveColumns, Params, type RawBatch } from "../rows.ts";
import { big, int, kinds, NOW, name, type Sql, text, uuid } from "../sql.ts";
import { PASS_VARIABLE, passOf, passStep } from "./stale.ts";

export async function batch(sql: Sql, publicId: string, clientId: number | null): Promise<BatchRow | null> {
  const params = new Params();
  const conditions = [`batch.public_id = ${params.add(uuid(publicId), "publicId")}`];
  if (clientId !== null) conditions.push(`batch.client_id = ${params.add(big(clientId), "clientId")}`);
  const raw = await sql.get<RawBatch>(
    `SELECT ${liveColumns} FROM ${LIVE} WHERE ${conditions.join(" AND ")};`,
    params.all,
  );
  return raw ? batchRow(raw) : null;
}

export async function batchById(sql: Sql, id: number): Promise<BatchRow | null> {
  const raw = await sql.get<RawBatch>(`SELECT ${liveColumns} FROM ${LIVE} WHERE batch.id = @id;`, { id: big(id) });
  return raw ? batchRow(raw) : null;
}

export async function childOf(sql: Sql, id: number): Promise<BatchRow | null> {
  const raw = await sql.get<RawBatch>(`SELECT ${liveColumns} FROM ${LIVE} WHERE batch.parent_id = @id;`, {
    id: big(id),
  });
  return raw ? batchRow(raw) : null;
}

/** Lists need no header, which may be large. */
export const listed = liveColumns.replace("batch.envelope", "'{}'");

export async function due(sql: Sql, state: BatchState, limit: number): Promise<BatchRow[]> {
  const rows = await sql.all<RawBatch>(
    `${AT_NOW}\nSELECT TOP (@limit) ${listed} FROM ${LIVE} WHERE batch.state = @state AND ${dueOf(state)} <= @now AND ${notVoided("batch")}
ORDER BY ${dueOf(state)};`,
    { limit: int(limit), state: name(state) },
  );
  return rows.map(batchRow);
}

export async function voided(sql: Sql, limit: number): Promise<BatchRow[]> {
  const rows = await sql.all<RawBatch>(
    `${AT_NOW}\nSELECT TOP (@limit) ${listed} FROM ${LIVE} WHERE batch.due_at <= @now AND ${voidedUpload("batch")} ORDER BY batch.due_at;`,
    { limit: int(limit) },
  );
  return rows.map(batchRow);
}

/**
 * An upload is no batch yet: it is listed only when asked for by its state. Planned anew each time: a plan made for a client or
 * a state with few batches would be kept for those with millions.
 */
export async function list(sql: Sql, { clientId, state, before, limit }: ListQuery): Promise<BatchRow[]> {
  const params = new Params();
  const conditions = [
    state === undefined ? "batch.state <> 'receiving'" : `batch.state = ${params.add(name(state), "state")}`,
  ];
  if (clientId !== undefined) conditions.push(`batch.client_id = ${params.add(big(clientId), "clientId")}`);
  if (before !== undefined) conditions.push(`batch.id < ${params.add(big(before), "before")}`);
  const rows = await sql.all<RawBatch>(
    `SELECT TOP (${params.add(int(limit), "limit")}) ${listed} FROM ${LIVE} WHERE ${conditions.join(" AND ")} ORDER BY batch.id DESC
OPTION (RECOMPILE);`,
    params.all,
  );
  return rows.map(batchRow);
}

/** The table variable has the collation of the table that it meets, which a text out of JSON has not. */
const CHANGED = `DECLARE @seen TABLE (public_id ${kinds.uuid.sql}, version BIGINT);
INSERT INTO @seen (public_id, version)
SELECT j.public_id, j.version FROM OPENJSON(@list) WITH (public_id NVARCHAR(36) '$.publicId', version BIGINT '$.version') AS j;
SELECT ${listed} FROM @seen AS seen JOIN batch ON batch.public_id = seen.public_id
${WORK} WHERE COALESCE(w.version, batch.version) <> seen.version;`;

export async function changed(sql: Sql, seen: SeenBatch[]): Promise<BatchRow[]> {
  const list = seen.map(({ publicId, version }) => ({ publicId, version }));
  return (await sql.all<RawBatch>(CHANGED, { list: text(JSON.stringify(list)) })).map(batchRow);
}

/** A text has two bytes a character here; limits are told in those that it has outside. */
const ERROR_BYTES = ["raw", "field", "message"].reduce(
  (sum, column) => `${sum} + COALESCE(DATALENGTH(${column}) / 2, 0)`,
  String(ROW_BYTES),
);

/** A record comes with all its errors or not at all; the record that crosses `maxBytes` is the last one. */
const ERRORS = `DECLARE ${PASS_VARIABLE};
${passOf("@id")};
SELECT e.seq AS "seq", e.n AS "n", e.line AS "line", e.field AS "field", e.code AS "code",
  e.message AS "message", e.raw AS "raw"
FROM record_error AS e WHERE e.batch_id = @id AND e.seq > @passes * @step + @after AND e.seq <= (SELECT MAX(q.seq) FROM (
  SELECT p.seq, DENSE_RANK() OVER (ORDER BY p.seq) AS place,
    SUM(p.size) OVER (ORDER BY p.seq) - SUM(p.size) OVER (PARTITION BY p.seq) AS earlier FROM (
    SELECT TOP (@rows) seq, ${ERROR_BYTES} AS size FROM record_error
    WHERE batch_id = @id AND seq > @passes * @step + @after ORDER BY seq, n) AS p) AS q
  WHERE q.place <= @limit AND q.earlier < @maxBytes)
ORDER BY e.seq, e.n;`;

const page = (id: number, after: number, limit: number, maxBytes: number) => ({
  id: big(id),
  after: big(after),
  limit: int(limit),
  maxBytes: big(maxBytes),
});

export async function errors(
  sql: Sql,
  id: number,
  after: number,
  limit: number,
  maxBytes: number,
): Promise<RecordErrors[]> {
  const found: RecordErrors[] = [];
  const params = { ...page(id, after, limit, maxBytes), step: passStep(), rows: int(mostErrorRows(maxBytes)) };
  for (const row of await sql.all<RawError>(ERRORS, params)) addError(found, row);
  return found;
}

/** The row that crosses `maxBytes` is the last one, so that there is always one. */
const RECORDS = `SELECT q.seq AS "seq", q.data AS "data" FROM (
  SELECT p.seq, p.data,
    SUM(DATALENGTH(p.data)) OVER (ORDER BY p.seq ROWS UNBOUNDED PRECEDING) - DATALENGTH(p.data) AS earlier FROM (
    SELECT TOP (@limit) seq, data FROM record WHERE batch_id = @id AND seq > @after ORDER BY seq) AS p) AS q
WHERE q.earlier < @maxBytes ORDER BY q.seq;`;

export function records(sql: Sql, id: number, after: number, limit: number, maxBytes: number) {
  return sql.all<{ seq: number; data: string }>(RECORDS, page(id, after, limit, maxBytes));
}

/** Without an index: it is asked only after a lost answer. */
export function outboxOf(sql: Sql, events: OutboxDraft[]): Promise<OutboxRow[]> {
  const params = new Params();
  const bodies = events.map(({ body }) => params.add(text(body)));
  return sql.all<OutboxRow>(
    `SELECT id AS "id", topic AS "topic", body AS "body", attempts AS "attempts" FROM outbox
WHERE body IN (${bodies.join(", ")}) ORDER BY id;`,
    params.all,
  );
}

export async function now(sql: Sql): Promise<number> {
  return ((await sql.get<{ now: number }>(`SELECT ${NOW} AS "now";`)) as { now: number }).now;
}
