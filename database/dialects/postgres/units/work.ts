/** The hot units of a worker: claim a batch, and commit it chunk by chunk. */
import { LRUCache } from "lru-cache";
import type { Claimed } from "../../../../services/batch/batch.domain.ts";
import type { ChunkCommit, Written } from "../../../../services/batch/batch.writes.domain.ts";
import { isCounted } from "../../../commits.ts";
import { ConstraintViolation } from "../../../errors.ts";
import { checkCount, errorRows, PASS, placesWithout, workColumns } from "../../../rows.ts";
import {
  batchRow,
  chunkColumns,
  claimedColumns,
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
import { forgetGroups, groupedParts, learnGroups, type WrittenGroup } from "./groups.ts";
import { FENCE, reservedCtes, TOO_OLD, uniqueCtes } from "./keys.ts";
import { advancedCtes, endedCte } from "./moved.text.ts";

const LEASE = `${NOW} + $3::bigint`;
export const renewed = workColumns.map((column) => `${column} = excluded.${column}`).join(", ");

/**
 * Claims a batch. Lock order: batch → batch_work → client_queue. A batch that another worker is claiming is skipped.
 * For stride scheduling and the lift of `pass` see `takeSlot` of sqlite/units/work.ts. A row of `batch_work` that an
 * operator's SQL has left over is overwritten.
 */
export const CLAIM = `WITH cand AS MATERIALIZED (SELECT id, client_id, pass FROM batch
    WHERE id = $1 AND state = 'ready' AND due_at <= ${NOW} FOR NO KEY UPDATE SKIP LOCKED),
  slot AS (UPDATE client_queue q SET running = q.running + 1,
      pass = greatest(q.pass, lift.pass) + 1000.0 / q.weight, began = greatest(q.pass, lift.pass)
    FROM cand, (SELECT ${LIFT} AS pass) lift WHERE q.client_id = cand.client_id AND q.running < q.cap AND q.paused_at IS NULL RETURNING 1),
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
  forgetGroups(sql, id);
  const row = await sql.get<RawClaim>(CLAIM, id, owner, leaseMs);
  return row ? claimed(row) : null;
}

export const claimed = ({ batch, chunkOf, ...chunk }: RawClaim): Claimed => ({
  batch: batchRow(batch),
  chunk: chunkOf === null ? null : storedChunk(chunk),
});

/**
 * Batches whose last chunk had only new unique keys. The keys of their next chunk are first inserted as if all were
 * new, which saves a quarter of the commit. If a key is taken, that statement fails and writes nothing, and the chunk
 * is committed by the general statement.
 */
const fresh = new WeakMap<Sql, LRUCache<number, true>>();
const MOST_FRESH = 1_000;

function freshOf(sql: Sql): LRUCache<number, true> {
  const known = fresh.get(sql) ?? new LRUCache({ max: MOST_FRESH });
  fresh.set(sql, known);
  return known;
}

/**
 * Commits a chunk in one statement with one snapshot. The CTEs select FROM `fence`, so nothing is written without a
 * matching fence. The row lock comes first: if another worker takes the batch over meanwhile, `fence` is empty. Only
 * the last commit of a run writes the row of `batch`.
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
  const { written, missed } = await seenWhole(() => committed(sql, commit, false));
  if (missed === 0 && !commit.end) known.set(commit.id, true);
  return written;
}

export const isTooOld = (error: unknown): boolean => (error as { code?: unknown }).code === TOO_OLD;

/**
 * How often a commit is sent that cannot see who holds a key. Each failure means that another batch has just committed
 * that key, so a few times are enough.
 */
const MOST_LOOKS = 20;

/** Runs `commit`, and runs it again while its snapshot is too old to show which batch holds a taken key. */
async function seenWhole<T>(commit: () => Promise<T>): Promise<T> {
  for (let looks = 1; ; looks++) {
    try {
      return await commit();
    } catch (error) {
      if (!isTooOld(error) || looks === MOST_LOOKS) throw error;
    }
  }
}

/**
 * The answer of a commit. `missed`: how many records had a taken key. `groups`: the error groups that the commit has
 * begun, or to which it has given examples.
 */
export type RawCommitted = RawWritten & { missed?: number; groups?: WrittenGroup[] | null };

async function committed(sql: Sql, commit: ChunkCommit, areAllNew: boolean) {
  const { ctes, values, events, groups } = commitParts(sql, commit, areAllNew);
  const told = isCounted(commit) ? ", (SELECT n FROM missed)::int AS missed" : "";
  const text = `WITH ${ctes} SELECT made.*, ${outboxIds}${told}${groups} FROM made`;
  const row = await sql.get<RawCommitted>(text, ...values);
  if (!row) return { written: null, missed: null };
  const { missed, groups: begun, ...raw } = row;
  learnGroups(sql, commit, begun);
  return { written: written(raw, events), missed };
}

/**
 * The commit of a chunk as the last statement of a transaction. If nothing may be written, the statement fails (22012,
 * division by zero), so that all earlier work of the transaction is undone.
 */
export function lastStatement(sql: Sql, commit: ChunkCommit) {
  const { ctes, values, events, groups } = commitParts(sql, commit, false);
  const text = `WITH ${ctes} SELECT made.*, ${outboxIds}${groups} FROM made WHERE 1 / (SELECT count(*) FROM made) = 1`;
  const committed = (row: RawCommitted | undefined): Written | null => {
    if (!row) return null;
    const { groups: begun, ...raw } = row;
    learnGroups(sql, commit, begun);
    return written(raw, events);
  };
  return { text, values, committed };
}

/** The parts of a commit's statement. `groups`: the column of the answer that has the written error groups. */
function commitParts(sql: Sql, commit: ChunkCommit, areAllNew: boolean) {
  const values = new Values();
  const events = commit.end?.events ?? [];
  const fence = commit.end ? lastFence(commit, values) : [fenceCte(commit, values)];
  const grouped = groupedParts(sql, commit, values);
  const ctes = [
    ...fence,
    ...recordCtes(commit, areAllNew, values),
    ...reservedCtes(commit, values),
    ...errorsCte(commit, values),
    ...grouped.ctes,
    ...(commit.end ? SLOT : []),
    ...(commit.end?.purge ? ["purged AS (DELETE FROM batch_chunk c USING fence WHERE c.batch_id = fence.id)"] : []),
    outboxCte(events, "fence", values),
    ...(commit.end ? [endedCte(commit, commit.end, values)] : advancedCtes(commit, values)),
  ];
  return { ctes: ctes.join(",\n"), values: values.list, events, groups: grouped.told };
}

/** CTE `fence`: locks the worker's row of `batch_work`. */
const fenceCte = ({ id, fence, chunk }: ChunkCommit, values: Values) =>
  `fence AS MATERIALIZED (${FENCE} WHERE w.batch_id = ${values.add(id)} AND w.fence = ${values.add(fence)}
    AND w.next_chunk = ${values.add(chunk)} FOR NO KEY UPDATE)`;

/** CTE `fence` of a run's last commit: locks the row of `batch`, then deletes the row of `batch_work`. */
function lastFence({ id, fence, chunk }: ChunkCommit, values: Values): string[] {
  return [
    `held AS MATERIALIZED (SELECT id FROM batch WHERE id = ${values.add(id)} AND fence = ${values.add(fence)}
      AND state = 'processing' FOR NO KEY UPDATE)`,
    `fence AS (DELETE FROM batch_work w USING held WHERE w.batch_id = held.id AND w.fence = ${values.add(fence)}
      AND w.next_chunk = ${values.add(chunk)}
      RETURNING w.batch_id AS id, w.client_id, w.client_id AS "clientId", w.pass, w.place, w.group_id, ${movingOf("w")})`,
  ];
}

/**
 * CTE `heirs`: a batch that ends while it holds its group's place hands the place on to the next batch of the group
 * that goes on (see moves.ts).
 */
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
 * Inserts the records from one text, which is the fastest way. Some positions of a chunk have no text. The number of
 * the m-th text is m plus the number of positions without a text before it. A position without a text comes before the
 * m-th text if its position minus its rank is at most m.
 */
function recordCtes(commit: ChunkCommit, areAllNew: boolean, values: Values): string[] {
  const { text, firstRecord, unique } = commit;
  if (text.length === 0) return [];
  const holes = placesWithout(commit).map((place, rank) => place - rank);
  const number = holes.length === 0 ? "t.n - 1" : `t.n - 1 + width_bucket(t.n::int - 1, ${values.add(holes, "int[]")})`;
  const seq = `${values.add(firstRecord, "bigint")} + ${number}`;
  const texts = `string_to_table(${values.add(text, "text")}, E'\\n')`;
  if (isCounted(commit) && unique) return uniqueCtes(commit.chunk, { seq, texts, ...unique }, areAllNew, values);
  return [
    `stored AS (INSERT INTO record (batch_id, seq, data)
      SELECT fence.id, ${seq}, t.data FROM fence, ${texts} WITH ORDINALITY AS t(data, n))`,
  ];
}

function errorsCte(commit: ChunkCommit, values: Values): string[] {
  const { errors } = commit;
  if (errors.length === 0) return [];
  const rows = JSON.stringify(errors.flatMap((rejected) => errorRows(commit, rejected)));
  return [
    `faults AS (INSERT INTO record_error (batch_id, seq, n, line, field, code, message, raw, source, value, corrects)
      SELECT fence.id, fence.pass * ${PASS} + e.seq, e.n, e.line, e.field, e.code, e.message, e.raw, e.source, e.value, e.corrects FROM fence, json_to_recordset(${values.add(rows, "json")})
        AS e(seq bigint, n int, line bigint, field text, code text, message text, raw text, source text, value text, corrects text))`,
  ];
}
