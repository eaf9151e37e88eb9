import type { BatchRow, BatchState, ListQuery, QueueStats, RecordErrors } from "../../../store.ts";
import { batchColumns, batchRow, type RawBatch, Values } from "../rows.ts";
import { NOW, type Sql } from "../sql.ts";

export async function batch(sql: Sql, publicId: string, clientId: number | null): Promise<BatchRow | null> {
  const raw = await sql.get<RawBatch>(
    `SELECT ${batchColumns()} FROM batch WHERE public_id = $1 AND ($2::bigint IS NULL OR client_id = $2)`,
    publicId.replaceAll("\0", ""),
    clientId,
  );
  return raw ? batchRow(raw) : null;
}

/** Lists need no header, which may be large. */
const listed = batchColumns().replace("batch.envelope", "'{}' AS envelope");

export async function due(sql: Sql, state: BatchState, limit: number): Promise<BatchRow[]> {
  const rows = await sql.all<RawBatch>(
    `SELECT ${listed} FROM batch WHERE state = $1 AND due_at <= ${NOW} ORDER BY due_at LIMIT $2`,
    state,
    limit,
  );
  return rows.map(batchRow);
}

/** An upload is no batch yet: it is listed only when asked for by its state. */
export async function list(sql: Sql, { clientId, state, before, limit }: ListQuery): Promise<BatchRow[]> {
  const values = new Values();
  const conditions = [state === undefined ? "state <> 'receiving'" : `state = ${values.add(state)}`];
  if (clientId !== undefined) conditions.push(`client_id = ${values.add(clientId)}`);
  if (before !== undefined) conditions.push(`id < ${values.add(before)}`);
  const rows = await sql.all<RawBatch>(
    `SELECT ${listed} FROM batch WHERE ${conditions.join(" AND ")} ORDER BY id DESC LIMIT ${values.add(limit)}`,
    ...values.list,
  );
  return rows.map(batchRow);
}

interface RawError {
  seq: number;
  n: number;
  line: number | null;
  field: string;
  code: string | null;
  message: string;
  raw: string;
}

/** A record comes with all its errors or not at all; the record that crosses `maxBytes` is the last one. */
export async function errors(
  sql: Sql,
  id: number,
  after: number,
  limit: number,
  maxBytes: number,
): Promise<RecordErrors[]> {
  const rows = await sql.all<RawError>(
    `SELECT e.seq, e.n, e.line, e.field, e.code, e.message, e.raw FROM record_error e
     WHERE e.batch_id = $1 AND e.seq > $2 AND e.seq <= (SELECT max(q.seq) FROM (
       SELECT p.seq, sum(p.size) OVER (ORDER BY p.seq) - p.size AS before FROM (
         SELECT seq, octet_length(raw) AS size FROM record_error
         WHERE batch_id = $1 AND seq > $2 AND n = 0 ORDER BY seq LIMIT $3) p) q
       WHERE q.before < $4)
     ORDER BY e.seq, e.n`,
    id,
    after,
    limit,
    maxBytes,
  );
  const found: RecordErrors[] = [];
  for (const { seq, n, line, field, code, message, raw } of rows) {
    if (n === 0) found.push({ seq, line, raw, errors: [] });
    if (code !== null) found.at(-1)?.errors.push({ field, code, message });
  }
  return found;
}

/** The row that crosses `maxBytes` is the last one, so that there is always one. */
export function records(sql: Sql, id: number, after: number, limit: number, maxBytes: number) {
  return sql.all<{ seq: number; data: string }>(
    `SELECT seq, data FROM (
       SELECT p.seq, p.data, sum(octet_length(p.data)) OVER (ORDER BY p.seq) - octet_length(p.data) AS before
       FROM (SELECT seq, data FROM record WHERE batch_id = $1 AND seq > $2 ORDER BY seq LIMIT $3) p) q
     WHERE before < $4 ORDER BY seq`,
    id,
    after,
    limit,
    maxBytes,
  );
}

export async function stats(sql: Sql): Promise<QueueStats> {
  const states = await sql.all<{ state: BatchState; n: number }>(
    "SELECT state, count(*) AS n FROM batch GROUP BY state",
  );
  const oldest = await sql.get<{ readyAt: number | null }>(
    `SELECT ready_at AS "readyAt" FROM batch WHERE state = 'ready' AND due_at <= ${NOW} ORDER BY due_at LIMIT 1`,
  );
  const delivery = await sql.get<{ dueAt: number | null }>(
    `SELECT min(due_at) AS "dueAt" FROM delivery WHERE due_at <= ${NOW}`,
  );
  const depth = await sql.get<{ n: number }>("SELECT count(*) AS n FROM outbox");
  return {
    states: Object.fromEntries(states.map(({ state, n }) => [state, n])),
    oldestReadyAt: oldest?.readyAt ?? null,
    outboxDepth: depth?.n ?? 0,
    oldestDeliveryAt: delivery?.dueAt ?? null,
    running: await sql.all(
      "SELECT coalesce(owner, '') AS owner, count(*) AS batches FROM batch WHERE state = 'processing' GROUP BY owner",
    ),
  };
}

export async function now(sql: Sql): Promise<number> {
  return ((await sql.get<{ now: number }>(`SELECT ${NOW} AS now`)) as { now: number }).now;
}
