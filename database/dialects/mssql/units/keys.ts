/** The unique keys of records: written with their records; how they are reserved, see units/keys.ts. */
import type { ChunkCommit } from "../../../store.ts";
import { deciding, type Params } from "../rows.ts";
import { big, kinds, type Staged } from "../sql.ts";

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
