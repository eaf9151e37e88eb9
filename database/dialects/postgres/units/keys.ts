/** Writes the unique keys of records together with the records. For reservations of keys see database/units/keys.ts. */
import type { ChunkCommit, UniqueKeys } from "../../../../services/batch/batch.writes.domain.ts";
import type { Values } from "../rows.ts";
import { NOW } from "../sql.ts";

/** The INSERT of unique keys, in the order of their hashes, so that two batches with the same keys cannot deadlock. */
const TAKE = `INSERT INTO record_key (client_id, key_hash, batch_id, chunk_no, ends_at)
      SELECT fence.client_id, g.key, fence.id, $chunk, $ends FROM fence, given g WHERE g.key IS NOT NULL ORDER BY g.key`;

/** CTEs for chunks whose keys are probably all new. They store all records; if a key is taken, the statement fails. */
const ALL_NEW = [
  `taken AS (${TAKE})`,
  "stored AS (INSERT INTO record (batch_id, seq, data) SELECT fence.id, g.seq, g.data FROM fence, given g)",
  "missed AS (SELECT 0 AS n)",
];

/**
 * CTE `repeated`: counts records whose key another batch holds, for that batch. It reads the CTE `repeats`, whose rows
 * (`batch_id`, `by_id`, `n`) also include keys that the batch itself holds.
 */
export const REPEATED = `repeated AS (INSERT INTO duplicate_count (batch_id, by_id, n)
      SELECT r.batch_id, r.by_id, r.n FROM repeats r WHERE r.batch_id <> r.by_id
      ON CONFLICT (batch_id, by_id) DO UPDATE SET n = duplicate_count.n + excluded.n)`;

/**
 * CTE `repeats`: finds which batches hold these keys. Keys are looked up one by one, because the client has many more
 * keys than the chunk.
 */
const repeats = (of: string, client: string, batch: string, key: string) =>
  `repeats AS MATERIALIZED (SELECT k.batch_id, ${batch} AS by_id, count(*) AS n FROM ${of}
      CROSS JOIN LATERAL (SELECT k.batch_id FROM record_key k WHERE k.client_id = ${client} AND k.key_hash = ${key} LIMIT 1) k GROUP BY 1, 2)`;

/**
 * SQL that fails by a division (TOO_OLD) if another batch has inserted a key since the statement began. The statement's
 * snapshot then does not show which batch holds the key, and the statement must be sent again.
 */
export const unlessTooOld = (missed: string, found: string) => `/ CASE WHEN (${missed}) = (${found}) THEN 1 ELSE 0 END`;
export const TOO_OLD = "22012";

const SOME_NEW = [
  `taken AS (${TAKE} ON CONFLICT DO NOTHING RETURNING key_hash)`,
  `lost AS MATERIALIZED (SELECT g.key FROM given g LEFT JOIN taken ON taken.key_hash = g.key WHERE g.key IS NOT NULL AND taken.key_hash IS NULL)`,
  repeats("fence CROSS JOIN lost", "fence.client_id", "fence.id", "lost.key"),
  REPEATED,
  `stored AS (INSERT INTO record (batch_id, seq, data) SELECT fence.id, g.seq, g.data
      FROM fence, given g LEFT JOIN taken ON taken.key_hash = g.key
      WHERE g.key IS NULL OR taken.key_hash IS NOT NULL RETURNING 1)`,
  `missed AS (SELECT (SELECT count(*) FROM lost) ${unlessTooOld("SELECT count(*) FROM lost", "SELECT coalesce(sum(n), 0) FROM repeats")} AS n)`,
];

export function uniqueCtes(
  chunk: number,
  { seq, texts, keys, keepMs }: { seq: string; texts: string } & Pick<UniqueKeys, "keys" | "keepMs">,
  areAllNew: boolean,
  values: Values,
): string[] {
  const given = `given AS MATERIALIZED (SELECT ${seq} AS seq, t.data, decode(nullif(t.key, ''), 'hex') AS key
      FROM fence, ROWS FROM (${texts}, string_to_table(${values.add(keys, "text")}, E'\\n')) WITH ORDINALITY AS t(data, key, n))`;
  const no = values.add(chunk, "int");
  const ends = endsAt(keepMs, values);
  return [given, ...(areAllNew ? ALL_NEW : SOME_NEW).map((cte) => cte.replace("$chunk", no).replace("$ends", ends))];
}

const endsAt = (keepMs: UniqueKeys["keepMs"], values: Values): string =>
  keepMs == null ? "NULL::bigint" : `${NOW} + ${values.add(keepMs, "bigint")}`;

/** CTEs that make the reservations of this chunk permanent, and delete the reservations of refused records. */
export function reservedCtes({ chunk, unique }: ChunkCommit, values: Values): string[] {
  if (!unique?.freed) return [];
  const freed = values.add(unique.freed, "text[]");
  const mine = `k.batch_id = fence.id AND k.chunk_no = ${values.add(chunk, "int")} AND k.expires_at IS NOT NULL`;
  const isFreed = `encode(k.key_hash, 'hex') = ANY(${freed})`;
  return [
    `freed AS (DELETE FROM record_key k USING fence WHERE ${mine} AND ${isFreed})`,
    `kept AS (UPDATE record_key k SET expires_at = NULL, ends_at = ${endsAt(unique.keepMs, values)} FROM fence WHERE ${mine} AND NOT ${isFreed}${unique.marks ? " RETURNING k.key_hash" : ""})`,
    ...(unique.marks ? [markedCte(unique.marks, values)] : []),
    ...(unique.taken && unique.taken.length > 0 ? takenCtes(unique.taken, values) : []),
  ];
}

const takenCtes = (keys: string[], values: Values): string[] => [
  repeats(
    `fence CROSS JOIN unnest(${values.add(keys, "text[]")}) AS t(key)`,
    "fence.client_id",
    "fence.id",
    "decode(t.key, 'hex')",
  ),
  REPEATED,
];

/** CTE `marked`: counts kept keys that mark corrections, and adds the count to the batch that is corrected. */
function markedCte({ first, from, to }: NonNullable<UniqueKeys["marks"]>, values: Values): string {
  const bytes = (hex: string) => `decode(${values.add(hex, "text")}, 'hex')`;
  return `marked AS (UPDATE batch b SET corrected = coalesce(b.corrected, 0) + m.n, version = b.version + 1
      FROM (SELECT count(*) AS n FROM kept WHERE key_hash BETWEEN ${bytes(from)} AND ${bytes(to)}) m
      WHERE b.id = ${values.add(first, "bigint")} AND m.n > 0)`;
}

/** The SELECT of the CTE `fence`: the columns that the writes of a worker's commit need. */
export const FENCE = `SELECT w.batch_id AS id, w.client_id, w.client_id AS "clientId", w.pass FROM batch_work w`;
