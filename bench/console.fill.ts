/**
 * Makes millions of batches and errors, as months of work would leave them. It uses SQL, because imports would take days. The
 * tables are unlogged, and most indexes are made at the end, by as many connections as there are cores.
 */
import { availableParallelism } from "node:os";
import pg from "pg";
import { around } from "./console.around.ts";
import { CLIENTS, DAY_MS, DAYS, ERRORS_EACH, GROUPS_EACH, type Piece } from "./console.size.ts";

const PIECE = 250_000;

/** Nine of ten batches are completed. The newest 500, and a few older ones, have not ended. */
const STATE = `CASE WHEN n > $4::int - 500 THEN 'ready' WHEN n % 100 = 1 THEN 'completed_with_errors' WHEN n % 100 = 2 THEN 'failed'
  WHEN n % 100 = 3 THEN 'cancelled' WHEN n % 200 = 4 THEN 'ready' WHEN n % 5000 = 5 THEN 'held' WHEN n % 200000 = 6 THEN 'processing'
  ELSE 'completed' END`;

/** Ids begin with the time, as the ids that nodes make. Most batches belong to a few clients. */
const BATCHES = `INSERT INTO batch (id, public_id, client_id, policy_version, state, reason, format, envelope, content_hash, request_id, bytes,
    records, chunks, phase, next_chunk, accepted, rejected, duplicate, fence, owner, due_at, attempt, attempts_total, version,
    created_at, ready_at, started_at, finished_at, dataset, retry_of)
  SELECT n, (lpad(to_hex(at), 12, '0') || '7' || substr(m, 1, 3) || 'a' || substr(m, 4, 15))::uuid,
    1 + floor(${CLIENTS} * power((n % 9973) / 9973.0, 3))::int, 1, s,
    CASE WHEN s = 'failed' THEN '{"code":"' || CASE n % 3 WHEN 0 THEN 'handler-failed' ELSE 'too-many-errors' END || '","detail":"It failed."}' END,
    CASE n % 10 WHEN 0 THEN 'csv' ELSE 'ndjson' END, '{}', sha256(n::text::bytea), m, 20000, 100, 1, 'deliver', 1,
    CASE s WHEN 'completed' THEN 100 ELSE 0 END, CASE s WHEN 'completed_with_errors' THEN ${ERRORS_EACH} ELSE 0 END, 0, 1,
    CASE s WHEN 'processing' THEN 'worker-1:1' END, at + CASE s WHEN 'ready' THEN 0 ELSE 30 * ${DAY_MS}::bigint END, 1, 1, 3,
    at, at + 4, at + 9, CASE WHEN s IN ('ready', 'held', 'processing') THEN NULL ELSE at + 50 END,
    CASE WHEN n % 50 = 7 THEN 'orders' ELSE 'default' END, NULL
  FROM generate_series($1::int, $2::int) n,
    LATERAL (SELECT ${STATE} AS s, $3::bigint - ($4::int - n) * (${DAYS} * ${DAY_MS}::bigint) / $4::int AS at, md5(n::text) AS m) made`;

const ERRORS = `INSERT INTO record_error (batch_id, seq, n, line, field, code, message, raw)
  SELECT b, i, 0, i, 'field-' || i % ${GROUPS_EACH}, 'minimum', 'must be ≥ 1', '{"quantity":0}'
  FROM generate_series($1::int, $2::int, 100) b, generate_series(1, ${ERRORS_EACH}) i`;
const GROUPS = `INSERT INTO error_group (batch_id, pass, name, field, code, message, examples, n, first_record, first_line)
  SELECT b, 0, md5(i::text), 'field-' || i, CASE i WHEN 0 THEN 'minimum' WHEN 1 THEN 'type' ELSE 'format' END, 'must be ≥ 1', '"0"', ${ERRORS_EACH / GROUPS_EACH}, i, i
  FROM generate_series($1::int, $2::int, 100) b, generate_series(1, ${GROUPS_EACH}) i`;
const KEYS = `INSERT INTO idempotency_key (client_id, key, fingerprint, batch_id, answer, expires_at)
  SELECT client_id, 'upload-' || id, content_hash, id, '{}', created_at + ${DAY_MS} FROM batch WHERE id > $1::int - $1::int / ${DAYS}`;

/** Tables that get many rows. The benchmark only reads them afterwards, so they may lose their rows in a crash (unlogged). */
const LARGE = ["batch", "record_error", "error_group", "idempotency_key", ...around.tables];

/** The indexes that are dropped before the fill and made again after it. Without them inserts are many times faster. */
const INDEXES = `SELECT i.indexdef AS text, format('%I.%I', i.schemaname, i.indexname) AS name FROM pg_indexes AS i
  WHERE i.schemaname = current_schema() AND i.tablename = ANY($1)
    AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = i.indexname)
  ORDER BY i.tablename <> 'batch', i.indexdef LIKE '% WHERE %'`;

const CLIENT_ROWS = `INSERT INTO client (public_id, identifier, name, secret_hash, status, policy_version, version, changed_at, created_at)
    SELECT gen_random_uuid(), 'client-' || lpad(n::text, 4, '0'), 'Client ' || n, sha256(n::text::bytea), 'active', 1, 1, 1, 1
    FROM generate_series(1, ${CLIENTS}) n;
  INSERT INTO client_queue (client_id, running, pass, cap, weight) SELECT n, 0, 0, 4, 1 FROM generate_series(1, ${CLIENTS}) n`;

/** Fills a migrated database. It reports its progress to `tell`. */
export async function fill(url: string, batches: number, tell: (text: string) => void): Promise<void> {
  const lanes = await Promise.all(Array.from({ length: availableParallelism() }, () => connected(url)));
  const [client] = lanes as [pg.Client];
  const { rows: indexes } = await client.query<Piece & { name: string }>(INDEXES, [LARGE]);
  for (const { name } of indexes) await client.query(`DROP INDEX ${name}`);
  for (const name of LARGE)
    await client.query(`ALTER TABLE ${name} SET UNLOGGED; ALTER TABLE ${name} SET (autovacuum_enabled = off)`);
  await client.query("ALTER TABLE batch DISABLE TRIGGER USER");
  await client.query(CLIENT_ROWS);
  const now = Date.now();
  const pieces: Piece[] = [];
  for (let from = 1; from <= batches; from += PIECE) {
    const to = Math.min(from + PIECE - 1, batches);
    pieces.push({ text: BATCHES, values: [from, to, now, batches] });
    pieces.push({ text: ERRORS, values: [from, to] }, { text: GROUPS, values: [from, to] });
  }
  await shared(lanes, pieces, (left) => left % 30 === 0 && tell(`${pieces.length - left} of ${pieces.length} pieces`));
  await shared(lanes, [{ text: KEYS, values: [batches] }, ...around.pieces(batches, now)]);
  tell("rows");
  await shared(lanes, indexes);
  tell("indexes");
  await client.query("ALTER TABLE batch ENABLE TRIGGER USER");
  await shared(lanes, [
    ...LARGE.map((name) => ({ text: `VACUUM (ANALYZE) ${name}` })),
    ...LARGE.map((name) => ({ text: `ALTER TABLE ${name} RESET (autovacuum_enabled)` })),
    ...["client", "client_queue", "stat_hour", "stat_minute"].map((name) => ({ text: `ANALYZE ${name}` })),
  ]);
  await Promise.all(lanes.map((lane) => lane.end()));
}

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query(
    "SET synchronous_commit = off; SET maintenance_work_mem = '512MB'; SET max_parallel_maintenance_workers = 0",
  );
  return client;
}

/** Runs the statements in their order, on several connections at once; each connection runs one at a time. */
async function shared(lanes: pg.Client[], pieces: Piece[], told: (left: number) => void = () => {}): Promise<void> {
  const waiting = [...pieces];
  const run = async (lane: pg.Client) => {
    for (let piece = waiting.shift(); piece; piece = waiting.shift()) {
      await lane.query(piece.text, piece.values);
      told(waiting.length);
    }
  };
  await Promise.all(lanes.map(run));
}
