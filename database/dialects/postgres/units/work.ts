/** What a worker does: claim, commit chunk by chunk, keep its leases. */
import { LRUCache } from "lru-cache";
import { ConstraintViolation } from "../../../errors.ts";
import { checkCount, errorRows, PASS, placesWithout } from "../../../rows.ts";
import { type ChunkCommit, type Claimed, type StoredChunk, storedFaults, type Written } from "../../../store.ts";
import {
  batchColumns,
  batchRow,
  chunkColumns,
  dueAt,
  hasEnded,
  jsonOrNull,
  type Of,
  ofBatch,
  outboxCte,
  outboxIds,
  type RawBatch,
  type RawChunk,
  type RawWritten,
  storedChunk,
  Values,
  written,
} from "../rows.ts";
import { NOW, type Sql } from "../sql.ts";
import { LIFT } from "./fairness.ts";
import { reservedCtes, uniqueCtes } from "./keys.ts";

/**
 * Lock order batch → client_queue. A batch that somebody else claims right now is skipped. On stride scheduling and the
 * lift of `pass`, see the SQLite twin.
 */
export const CLAIM = `WITH cand AS MATERIALIZED (SELECT id, client_id FROM batch
    WHERE id = $1 AND state = 'ready' AND due_at <= ${NOW} FOR NO KEY UPDATE SKIP LOCKED),
  slot AS (UPDATE client_queue q SET running = q.running + 1,
      pass = greatest(q.pass, lift.pass) + 1000.0 / q.weight, began = greatest(q.pass, lift.pass)
    FROM cand, (SELECT ${LIFT} AS pass) lift WHERE q.client_id = cand.client_id AND q.running < q.cap RETURNING 1),
  made AS (UPDATE batch b SET state = 'processing', owner = $2, fence = b.fence + 1, due_at = ${NOW} + $3::bigint,
      attempt = b.attempt + 1, attempts_total = b.attempts_total + 1,
      started_at = coalesce(b.started_at, ${NOW}), version = b.version + 1
    FROM cand, slot WHERE b.id = cand.id RETURNING ${batchColumns("b")})
  SELECT to_json(made) AS batch, c.batch_id AS "chunkOf", ${chunkColumns}
  FROM made LEFT JOIN batch_chunk c ON c.batch_id = made.id AND c.no = made."nextChunk"`;

type RawClaim = { batch: RawBatch; chunkOf: number | null } & RawChunk;

export async function claim(sql: Sql, id: number, owner: string, leaseMs: number): Promise<Claimed | null> {
  const row = await sql.get<RawClaim>(CLAIM, id, owner, leaseMs);
  if (!row) return null;
  const { batch, chunkOf, ...chunk } = row;
  return { batch: batchRow(batch), chunk: chunkOf === null ? null : storedChunk(chunk) };
}

export async function readChunk(sql: Sql, id: number, no: number): Promise<StoredChunk | null> {
  const raw = await sql.get<RawChunk & Of>(
    `SELECT c.batch_id AS "batchId", ${chunkColumns} FROM batch_chunk c WHERE c.batch_id = $1 AND c.no = $2`,
    id,
    no,
  );
  if (!raw) return null;
  const [chunk] = ofBatch(id, [raw]);
  return storedChunk(chunk as RawChunk);
}

/**
 * Batches whose last chunk had new keys only. The next one's are inserted as if they all were new too, which saves a
 * quarter of the commit; where one is taken nothing is written, and the chunk is committed the other way.
 */
const fresh = new WeakMap<Sql, LRUCache<number, true>>();
const MOST_FRESH = 1_000;

function freshOf(sql: Sql): LRUCache<number, true> {
  const known = fresh.get(sql) ?? new LRUCache({ max: MOST_FRESH });
  fresh.set(sql, known);
  return known;
}

/**
 * All parts share one snapshot; what selects FROM fence writes nothing when the fence is gone. The row lock comes first,
 * so a takeover that commits while this waits leaves it without a row.
 */
export async function commitChunk(sql: Sql, commit: ChunkCommit): Promise<Written | null> {
  checkCount(commit);
  if (!isCounted(commit)) return (await committed(sql, commit, false)).written;
  const known = freshOf(sql);
  if (known.has(commit.id)) {
    try {
      return (await committed(sql, commit, true)).written;
    } catch (error) {
      if (!(error instanceof ConstraintViolation)) throw error;
      known.delete(commit.id);
    }
  }
  const { written, missed } = await committed(sql, commit, false);
  if (missed === 0 && !commit.end) known.set(commit.id, true);
  return written;
}

/** Whether records and keys are written, so that only the statement knows how many were stored. */
const isCounted = ({ unique, text }: ChunkCommit): boolean => unique !== undefined && text !== "";

type RawCommitted = RawWritten & { missed?: number };

/** `missed`: records whose keys were taken. */
async function committed(sql: Sql, commit: ChunkCommit, areAllNew: boolean) {
  const values = new Values();
  const events = commit.end?.events ?? [];
  const ctes = [
    `fence AS MATERIALIZED (SELECT id, client_id, client_id AS "clientId", pass FROM batch WHERE id = ${values.add(commit.id)}
      AND fence = ${values.add(commit.fence)} AND state = 'processing' AND next_chunk = ${values.add(commit.chunk)}
      FOR NO KEY UPDATE)`,
    ...recordCtes(commit, areAllNew, values),
    ...reservedCtes(commit, values),
    ...errorsCte(commit, values),
    ...(commit.end ? [SLOT] : []),
    ...(commit.end?.purge ? ["purged AS (DELETE FROM batch_chunk c USING fence WHERE c.batch_id = fence.id)"] : []),
    outboxCte(events, "fence", values),
    advanceCte(commit, values),
  ];
  const told = isCounted(commit) ? ", (SELECT n FROM missed)::int AS missed" : "";
  const text = `WITH ${ctes.join(",\n")} SELECT made.*, ${outboxIds}${told} FROM made`;
  const row = await sql.get<RawCommitted>(text, ...values.list);
  if (!row) return { written: null, missed: null };
  const { missed, ...raw } = row;
  return { written: written(raw, events), missed };
}

const SLOT = `slot AS (UPDATE client_queue q SET running = greatest(q.running - 1, 0)
  FROM fence WHERE q.client_id = fence.client_id)`;

/**
 * One text for all records: the fastest way in. The number of the m-th text is m plus the places before it that have none,
 * which are those whose place less their rank is at most m.
 */
function recordCtes(commit: ChunkCommit, areAllNew: boolean, values: Values): string[] {
  const { text, firstRecord, unique } = commit;
  if (text === "") return [];
  const holes = placesWithout(commit).map((place, rank) => place - rank);
  const number = holes.length === 0 ? "t.n - 1" : `t.n - 1 + width_bucket(t.n::int - 1, ${values.add(holes, "int[]")})`;
  const seq = `${values.add(firstRecord, "bigint")} + ${number}`;
  const texts = `string_to_table(${values.add(text, "text")}, E'\\n')`;
  if (unique) return uniqueCtes(commit.chunk, { seq, texts, ...unique }, areAllNew, values);
  return [
    `stored AS (INSERT INTO record (batch_id, seq, data)
      SELECT fence.id, ${seq}, t.data FROM fence, ${texts} WITH ORDINALITY AS t(data, n))`,
  ];
}

function errorsCte({ errors, firstRecord }: ChunkCommit, values: Values): string[] {
  if (errors.length === 0) return [];
  const rows = JSON.stringify(errors.flatMap((rejected) => errorRows(firstRecord, rejected)));
  return [
    `faults AS (INSERT INTO record_error (batch_id, seq, n, line, field, code, message, raw)
      SELECT fence.id, fence.pass * ${PASS} + e.seq, e.n, e.line, e.field, e.code, e.message, e.raw FROM fence, json_to_recordset(${values.add(rows, "json")})
        AS e(seq bigint, n int, line bigint, field text, code text, message text, raw text))`,
  ];
}

function advanceCte(commit: ChunkCommit, values: Values): string {
  const { leaseMs, counts, next, end } = commit;
  const missed = isCounted(commit) ? "missed.n" : "0";
  const sets = [
    `next_chunk = ${values.add(next.chunk, "int")}`,
    `phase = ${values.add(next.phase, "varchar")}`,
    `accepted = b.accepted + ${values.add(counts.accepted, "bigint")} - ${missed}`,
    `rejected = b.rejected + ${values.add(counts.rejected, "bigint")}`,
    `duplicate = b.duplicate + ${values.add(counts.duplicate, "bigint")} + ${missed}`,
    `due_at = ${end ? dueAt(end.due, values) : `${NOW} + ${values.add(leaseMs, "bigint")}`}`,
    `faults = b.faults + ${values.add(storedFaults(commit), "bigint")}`,
    `unlisted = b.unlisted + ${values.add(commit.unlisted.length, "bigint")}`,
    // This run is the first attempt at the chunk that follows.
    "attempt = 1",
    "version = b.version + 1",
  ];
  if (end) {
    sets.push(`state = ${values.add(end.state, "varchar")}`, `reason = ${values.add(jsonOrNull(end.reason), "text")}`);
    sets.push("owner = NULL", `finished_at = ${hasEnded(end.state) ? NOW : "NULL"}`);
    if (end.purge) sets.push("chunks = 0");
  }
  return `made AS (UPDATE batch b SET ${sets.join(", ")} FROM fence${isCounted(commit) ? ", missed" : ""}
    WHERE b.id = fence.id RETURNING ${batchColumns("b")})`;
}

export function extendLeases(sql: Sql, owner: string, ids: number[], leaseMs: number) {
  return sql.all<{ id: number; fence: number }>(
    `UPDATE batch SET due_at = ${NOW} + $3::bigint
     WHERE id = ANY($2::bigint[]) AND state = 'processing' AND owner = $1 RETURNING id, fence`,
    owner,
    ids,
    leaseMs,
  );
}
