/** Writes the unique keys of records together with the records. For reservations of keys see database/units/keys.ts. */
import type { ChunkCommit } from "../../../../services/batch/batch.writes.domain.ts";
import { big, int, key, kinds, type Values } from "../sql.ts";

/**
 * A hint that makes a read wait for uncommitted rows of other units. Without the hint the insert would wait later,
 * fail, and be retried.
 */
const LATEST = "WITH (READCOMMITTEDLOCK)";
/**
 * A hint that makes the server look up keys one by one. The client has many more keys than the chunk, and a merge or
 * hash join would read them all.
 */
const KEY_BY_KEY = "OPTION (LOOP JOIN)";

export const TAKEN = `@taken TABLE (batch_id BIGINT NOT NULL, key_hash ${kinds.key.sql} NOT NULL, PRIMARY KEY (batch_id, key_hash))`;

export const REPEATS = "@repeats TABLE (batch_id BIGINT NOT NULL, by_id BIGINT NOT NULL, n BIGINT NOT NULL)";

/**
 * Counts records whose key another batch holds, for that batch. Only the commits of one batch write its rows of
 * `duplicate_count`.
 */
function repeated(of: string): string[] {
  return [
    "DELETE FROM @repeats",
    `INSERT INTO @repeats (batch_id, by_id, n)
SELECT k.batch_id, m.id, COUNT_BIG(*) FROM ${of}
GROUP BY k.batch_id, m.id ${KEY_BY_KEY}`,
    `UPDATE duplicate_count SET n = duplicate_count.n + r.n FROM @repeats AS r
WHERE duplicate_count.batch_id = r.batch_id AND duplicate_count.by_id = r.by_id`,
    `INSERT INTO duplicate_count (batch_id, by_id, n)
SELECT r.batch_id, r.by_id, r.n FROM @repeats AS r
WHERE NOT EXISTS (SELECT 1 FROM duplicate_count AS c WHERE c.batch_id = r.batch_id AND c.by_id = r.by_id)`,
  ];
}

/**
 * Inserts keys in the order of their hashes, so that two units with the same keys cannot deadlock. If two batches of
 * the unit have the same key, the earlier batch gets it.
 */
export const KEYED = [
  `INSERT INTO record_key (client_id, key_hash, batch_id, chunk_no, ends_at)
OUTPUT inserted.batch_id, inserted.key_hash INTO @taken
SELECT one.client_id, one.key_hash, one.id, one.chunk, @now + one.key_kept FROM (
  SELECT m.client_id, given.key_hash, m.id, m.chunk, m.key_kept,
    ROW_NUMBER() OVER (PARTITION BY m.client_id, given.key_hash ORDER BY m.n) AS turn
  FROM #keyed AS given JOIN @mine AS m ON m.id = given.id WHERE given.key_hash IS NOT NULL) AS one
WHERE one.turn = 1 AND NOT EXISTS (
  SELECT 1 FROM record_key AS k ${LATEST} WHERE k.client_id = one.client_id AND k.key_hash = one.key_hash)
ORDER BY one.client_id, one.key_hash ${KEY_BY_KEY}`,
  `INSERT INTO record (batch_id, seq, data)
SELECT given.id, given.seq, given.data FROM #keyed AS given JOIN @mine AS m ON m.id = given.id
WHERE given.key_hash IS NULL
  OR EXISTS (SELECT 1 FROM @taken AS taken WHERE taken.batch_id = given.id AND taken.key_hash = given.key_hash)
ORDER BY given.id, given.seq`,
  ...repeated(`#keyed AS given JOIN @mine AS m ON m.id = given.id JOIN record_key AS k ${LATEST} ON k.client_id = m.client_id AND k.key_hash = given.key_hash
WHERE k.batch_id <> m.id
  AND NOT EXISTS (SELECT 1 FROM @taken AS taken WHERE taken.batch_id = given.id AND taken.key_hash = given.key_hash)`),
];

/** Counts the remaining keys that mark corrections, and adds the count to the batch that is corrected. */
const markedStep = (
  mine: string,
): string => `UPDATE batch SET corrected = coalesce(batch.corrected, 0) + found.n, version = batch.version + 1
FROM (SELECT COUNT_BIG(*) AS n FROM record_key WHERE ${mine} AND key_hash >= @keysFrom AND key_hash <= @keysTo) AS found
WHERE batch.id = @first AND found.n > 0`;

/**
 * Locks the row of the batch that is corrected, before any row of `batch_work`. An UPDATE that changes nothing locks a
 * row without hints.
 */
export const heldFirst = ({ unique }: ChunkCommit): string[] =>
  unique?.marks ? ["UPDATE batch SET fence = batch.fence WHERE batch.id = @first"] : [];

/**
 * Makes the reservations of the batch `@id` for this chunk permanent, and deletes the reservations of refused records.
 */
export function reservedSteps({ unique }: ChunkCommit): string[] {
  if (!unique?.freed) return [];
  const mine = `batch_id = @id AND chunk_no = @chunk AND expires_at IS NOT NULL`;
  return [
    ...(unique.freed.length > 0
      ? [`DELETE FROM record_key WHERE ${mine} AND key_hash IN (SELECT gone.key_hash FROM #spared AS gone)`]
      : []),
    ...(unique.marks ? [markedStep(mine)] : []),
    `UPDATE record_key SET expires_at = NULL, ends_at = @now + @keep WHERE ${mine}`,
    ...(isRepeated(unique) ? OF_TAKEN : []),
  ];
}

export const isRepeated = (unique: ChunkCommit["unique"]): boolean => (unique?.taken ?? []).length > 0;

const OF_TAKEN = repeated(`#lost AS given JOIN @mine AS m ON m.id = @id
JOIN record_key AS k ${LATEST} ON k.client_id = m.client_id AND k.key_hash = given.key_hash
WHERE k.batch_id <> m.id`);

export function reservedValues({ chunk, unique }: ChunkCommit): Values {
  if (!unique?.freed) return {};
  const { keepMs = null, marks } = unique;
  return {
    chunk: int(chunk),
    keep: big(keepMs),
    ...(marks && { first: big(marks.first), keysFrom: keyValue(marks.from), keysTo: keyValue(marks.to) }),
  };
}

const keyValue = (hex: string) => key(Buffer.from(hex, "hex"));
