/** What a worker does: claim, commit chunk by chunk, keep its leases. */
import { LRUCache } from "lru-cache";
import { ConstraintViolation } from "../../../errors.ts";
import { checkCount, errorRows, PASS, placesWithout, workColumns } from "../../../rows.ts";
import { type ChunkCommit, type Claimed, storedFaults, type Written } from "../../../store.ts";
import {
  batchColumns,
  batchRow,
  chunkColumns,
  claimedColumns,
  dueAt,
  hasEnded,
  jsonOrNull,
  liveColumns,
  madeMoving,
  movingOf,
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
import { FENCE, reservedCtes, uniqueCtes } from "./keys.ts";

const LEASE = `${NOW} + $3::bigint`;
export const renewed = workColumns.map((column) => `${column} = excluded.${column}`).join(", ");

/**
 * Lock order batch → batch_work → client_queue. A batch that somebody else claims right now is skipped. On stride scheduling
 * and the lift of `pass`, see the SQLite twin. A row of `batch_work` that somebody's SQL has left behind is no obstacle.
 */
export const CLAIM = `WITH cand AS MATERIALIZED (SELECT id, client_id, pass FROM batch
    WHERE id = $1 AND state = 'ready' AND due_at <= ${NOW} FOR NO KEY UPDATE SKIP LOCKED),
  slot AS (UPDATE client_queue q SET running = q.running + 1,
      pass = greatest(q.pass, lift.pass) + 1000.0 / q.weight, began = greatest(q.pass, lift.pass)
    FROM cand, (SELECT ${LIFT} AS pass) lift WHERE q.client_id = cand.client_id AND q.running < q.cap RETURNING 1),
  made AS (UPDATE batch b SET state = 'processing', owner = $2, fence = b.fence + 1, due_at = NULL,
      attempt = b.attempt + 1, attempts_total = b.attempts_total + 1,
      started_at = coalesce(b.started_at, ${NOW}), version = b.version + 1
    FROM cand, slot WHERE b.id = cand.id RETURNING ${claimedColumns(LEASE)}),
  work AS (INSERT INTO batch_work (${workColumns.join(", ")})
    SELECT made.id, made."clientId", made.owner, made.fence, made."dueAt", cand.pass, 1, NULL, ${madeMoving} FROM made, cand
    ON CONFLICT (batch_id) DO UPDATE SET ${renewed})
  SELECT to_json(made) AS batch, c.batch_id AS "chunkOf", ${chunkColumns}
  FROM made LEFT JOIN batch_chunk c ON c.batch_id = made.id AND c.no = made."nextChunk"`;

export type RawClaim = { batch: RawBatch; chunkOf: number | null } & RawChunk;

export async function claim(sql: Sql, id: number, owner: string, leaseMs: number): Promise<Claimed | null> {
  const row = await sql.get<RawClaim>(CLAIM, id, owner, leaseMs);
  return row ? claimed(row) : null;
}

export const claimed = ({ batch, chunkOf, ...chunk }: RawClaim): Claimed => ({
  batch: batchRow(batch),
  chunk: chunkOf === null ? null : storedChunk(chunk),
});

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
 * so a takeover that commits while this waits leaves it without a row. Only the last commit of a run writes the row of `batch`.
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
const isCounted = ({ unique, text }: ChunkCommit): boolean => unique !== undefined && text.length > 0;

type RawCommitted = RawWritten & { missed?: number };

/** `missed`: records whose keys were taken. */
async function committed(sql: Sql, commit: ChunkCommit, areAllNew: boolean) {
  const values = new Values();
  const events = commit.end?.events ?? [];
  const ctes = [
    ...(commit.end ? lastFence(commit, values) : [fenceCte(commit, values)]),
    ...recordCtes(commit, areAllNew, values),
    ...reservedCtes(commit, values),
    ...errorsCte(commit, values),
    ...(commit.end ? SLOT : []),
    ...(commit.end?.purge ? ["purged AS (DELETE FROM batch_chunk c USING fence WHERE c.batch_id = fence.id)"] : []),
    outboxCte(events, "fence", values),
    ...(commit.end ? [endedCte(commit, commit.end, values)] : advancedCtes(commit, values)),
  ];
  const told = isCounted(commit) ? ", (SELECT n FROM missed)::int AS missed" : "";
  const text = `WITH ${ctes.join(",\n")} SELECT made.*, ${outboxIds}${told} FROM made`;
  const row = await sql.get<RawCommitted>(text, ...values.list);
  if (!row) return { written: null, missed: null };
  const { missed, ...raw } = row;
  return { written: written(raw, events), missed };
}

/** The worker's row of `batch_work`, locked. */
const fenceCte = ({ id, fence, chunk }: ChunkCommit, values: Values) =>
  `fence AS MATERIALIZED (${FENCE} WHERE w.batch_id = ${values.add(id)} AND w.fence = ${values.add(fence)}
    AND w.next_chunk = ${values.add(chunk)} FOR NO KEY UPDATE)`;

/** The same, which is gone with this commit: the batch's row is locked before it. */
function lastFence({ id, fence, chunk }: ChunkCommit, values: Values): string[] {
  return [
    `held AS MATERIALIZED (SELECT id FROM batch WHERE id = ${values.add(id)} AND fence = ${values.add(fence)}
      AND state = 'processing' FOR NO KEY UPDATE)`,
    `fence AS (DELETE FROM batch_work w USING held WHERE w.batch_id = held.id AND w.fence = ${values.add(fence)}
      AND w.next_chunk = ${values.add(chunk)}
      RETURNING w.batch_id AS id, w.client_id, w.client_id AS "clientId", w.pass, w.place, w.group_id, ${movingOf("w")})`,
  ];
}

/** Whoever has the place of a group and leaves hands it on to the next of it, whose row may be going too: then to the one after (see moves.ts). */
export const heirsOf = (leaving: string) => `heirs AS MATERIALIZED (SELECT l.id AS after, next.id
  FROM ${leaving} l CROSS JOIN LATERAL (SELECT w.batch_id AS id FROM batch_work w
    WHERE w.batch_id > l.id AND w.group_id = l.group_id AND w.batch_id NOT IN (SELECT id FROM ${leaving})
    ORDER BY w.batch_id LIMIT 1 FOR NO KEY UPDATE) next WHERE l.place > 0)`;
export const HANDED = "handed AS (UPDATE batch_work w SET place = 1 FROM heirs WHERE w.batch_id = heirs.id";

const SLOT = [
  heirsOf("fence"),
  `${HANDED})`,
  `slot AS (UPDATE client_queue q SET running = greatest(q.running - fence.place, 0)
    FROM fence WHERE q.client_id = fence.client_id AND NOT EXISTS (SELECT 1 FROM heirs))`,
];

/**
 * One text for all records: the fastest way in. The number of the m-th text is m plus the places before it that have none,
 * which are those whose place less their rank is at most m.
 */
function recordCtes(commit: ChunkCommit, areAllNew: boolean, values: Values): string[] {
  const { text, firstRecord, unique } = commit;
  if (text.length === 0) return [];
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

/** What a commit adds to the moving columns `of` its batch. */
function moved(commit: ChunkCommit, of: string, values: Values): string[] {
  const { counts, next } = commit;
  const missed = isCounted(commit) ? "missed.n" : "0";
  return [
    `next_chunk = ${values.add(next.chunk, "int")}`,
    `phase = ${values.add(next.phase, "varchar")}`,
    `accepted = ${of}.accepted + ${values.add(counts.accepted, "bigint")} - ${missed}`,
    `rejected = ${of}.rejected + ${values.add(counts.rejected, "bigint")}`,
    `duplicate = ${of}.duplicate + ${values.add(counts.duplicate, "bigint")} + ${missed}`,
    `faults = ${of}.faults + ${values.add(storedFaults(commit), "bigint")}`,
    `unlisted = ${of}.unlisted + ${values.add(commit.unlisted.length, "bigint")}`,
    // This run is the first attempt at the chunk that follows.
    "attempt = 1",
    `version = ${of}.version + 1`,
  ];
}

const fromFence = (commit: ChunkCommit) => (isCounted(commit) ? "fence, missed" : "fence");

function advancedCtes(commit: ChunkCommit, values: Values): string[] {
  const sets = [...moved(commit, "w", values), `due_at = ${NOW} + ${values.add(commit.leaseMs, "bigint")}`];
  return [
    `w AS (UPDATE batch_work w SET ${sets.join(", ")} FROM ${fromFence(commit)} WHERE w.batch_id = fence.id RETURNING w.*)`,
    `made AS (SELECT ${liveColumns} FROM w JOIN batch ON batch.id = w.batch_id)`,
  ];
}

function endedCte(commit: ChunkCommit, end: NonNullable<ChunkCommit["end"]>, values: Values): string {
  const sets = [
    ...moved(commit, "fence", values),
    `due_at = ${dueAt(end.due, values)}`,
    `state = ${values.add(end.state, "varchar")}`,
    `reason = ${values.add(jsonOrNull(end.reason), "text")}`,
    "owner = NULL",
    `finished_at = ${hasEnded(end.state) ? NOW : "NULL"}`,
    ...(end.purge ? ["chunks = 0"] : []),
  ];
  return `made AS (UPDATE batch b SET ${sets.join(", ")} FROM ${fromFence(commit)}
    WHERE b.id = fence.id RETURNING ${batchColumns("b")})`;
}
