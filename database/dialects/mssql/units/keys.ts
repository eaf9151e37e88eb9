/** The unique keys of records: written with their records, or reserved before those leave for a handler. */
import type { ChunkCommit } from "../../../store.ts";
import { deciding, Params, unit } from "../rows.ts";
import { big, int, kinds, type Sql, type Staged } from "../sql.ts";

/**
 * The worker's row of `batch_work`, locked: a write without a change is the lock that needs no hint. `id` and the others are
 * parameters.
 */
export const fenced = (id: string, fence: string, chunk: string) =>
  deciding(`UPDATE batch_work SET fence = fence WHERE batch_id = ${id} AND fence = ${fence} AND next_chunk = ${chunk}`);
export const CLIENT_OF = (id: string) => `SELECT @client = client_id FROM batch_work WHERE batch_id = ${id}`;

/** Looks at what others have not committed yet, and waits for it: without it one waits later, fails and is tried again. */
const LATEST = "WITH (READCOMMITTEDLOCK)";
export const isNew = (key: string) =>
  `NOT EXISTS (SELECT 1 FROM record_key AS k ${LATEST} WHERE k.client_id = @client AND k.key_hash = ${key})`;

/** Key by key: there are more of the client's than of the chunk's, and a merge or a hash would read them all. */
const KEY_BY_KEY = "OPTION (LOOP JOIN)";

export const TAKEN = `@taken TABLE (key_hash ${kinds.key.sql} NOT NULL PRIMARY KEY)`;

/** Keys are written in the order of their hashes, so that two batches with the same ones wait for each other one way only. */
export const uniqueSteps = (id: string, chunk: string, ends: string): string[] => [
  `INSERT INTO record_key (client_id, key_hash, batch_id, chunk_no, ends_at)
OUTPUT inserted.key_hash INTO @taken
SELECT @client, given.key_hash, ${id}, ${chunk}, ${ends} FROM #keyed AS given
WHERE given.key_hash IS NOT NULL AND ${isNew("given.key_hash")}
ORDER BY given.key_hash ${KEY_BY_KEY}`,
  `INSERT INTO record (batch_id, seq, data)
SELECT ${id}, given.seq, given.data FROM #keyed AS given
WHERE given.key_hash IS NULL OR EXISTS (SELECT 1 FROM @taken AS taken WHERE taken.key_hash = given.key_hash)
ORDER BY given.seq`,
];

/** When the keys of a commit end. */
export const endsAt = (unique: ChunkCommit["unique"], params: Params): string =>
  unique?.keepMs == null ? "NULL" : `@now + ${params.add(big(unique.keepMs), "keep")}`;

const hashes = (name: string, keys: string[]): Staged => ({
  name,
  order: ["key_hash"],
  columns: { key_hash: kinds.key },
  rows: [...new Set(keys)].map((key) => [Buffer.from(key, "hex")]),
});

export const stagedFreed = ({ unique }: ChunkCommit): Staged[] =>
  unique?.freed?.length ? [hashes("#freed", unique.freed)] : [];

/** The reservations of this chunk become lasting, but for those whose records were refused. */
export function reservedSteps({ unique }: ChunkCommit, id: string, chunk: string, params: Params): string[] {
  if (!unique?.freed) return [];
  const mine = `batch_id = ${id} AND chunk_no = ${chunk} AND expires_at IS NOT NULL`;
  return [
    ...(unique.freed.length > 0
      ? [`DELETE FROM record_key WHERE ${mine} AND key_hash IN (SELECT freed.key_hash FROM #freed AS freed)`]
      : []),
    `UPDATE record_key SET expires_at = NULL, ends_at = ${endsAt(unique, params)} WHERE ${mine}`,
  ];
}

export async function reserveKeys(
  sql: Sql,
  id: number,
  fence: number,
  chunk: number,
  keys: string[],
): Promise<string[] | null> {
  const params = new Params();
  const [batch, at] = [params.add(big(id), "id"), params.add(int(chunk), "chunk")];
  const text = unit({
    declared: ["@client BIGINT", `@lost TABLE (key_hash ${kinds.key.sql})`],
    steps: [
      fenced(batch, params.add(big(fence), "fence"), at),
      CLIENT_OF(batch),
      `INSERT INTO record_key (client_id, key_hash, batch_id, chunk_no, expires_at)
SELECT @client, given.key_hash, ${batch}, ${at}, @now FROM #keys AS given
WHERE ${isNew("given.key_hash")}
ORDER BY given.key_hash ${KEY_BY_KEY}`,
      `INSERT INTO @lost (key_hash)
SELECT given.key_hash FROM #keys AS given WHERE NOT EXISTS (SELECT 1 FROM record_key AS k
  WHERE k.client_id = @client AND k.key_hash = given.key_hash AND k.batch_id = ${batch} AND k.chunk_no = ${at})
${KEY_BY_KEY}`,
    ],
    // Always a row where the batch was ours, if only one without a key.
    answer: `SELECT lost.key_hash AS "lost" FROM (SELECT 1 AS n) AS one LEFT JOIN @lost AS lost ON 1 = 1 WHERE @held = 1`,
  });
  const rows = await sql.staged<{ lost: Buffer | null }>([hashes("#keys", keys)], text, params.all);
  return rows.length === 0 ? null : rows.flatMap(({ lost }) => (lost ? [lost.toString("hex")] : []));
}
