/** The unique keys of records: written with their records; how they are reserved, see units/keys.ts. */
import type { BatchRow, ChunkCommit } from "../../../store.ts";
import type { Sql } from "../sql.ts";

/** What a worker's writes need of its batch. */
export type Held = Pick<
  BatchRow,
  "clientId" | "accepted" | "rejected" | "duplicate" | "faults" | "unlisted" | "version"
> & { pass: number; place: number; groupId: number | null };

/** The worker's row of `batch_work` while the one with this fence stands at this chunk. */
export function heldBy(sql: Sql, id: number, fence: number, chunk: number): Held | undefined {
  return sql.get<Held>(
    `SELECT client_id AS clientId, pass, place, group_id AS groupId, accepted, rejected, duplicate, faults, unlisted, version FROM batch_work
     WHERE batch_id = ?1 AND fence = ?2 AND next_chunk = ?3`,
    id,
    fence,
    chunk,
  );
}

/** Writes the keys that are absent, in their order; answers which of the texts came with one that is there. */
export function takeKeys(sql: Sql, { id, chunk, unique }: ChunkCommit, clientId: number, keys: string[]): Set<number> {
  const insert = sql.statement(
    `INSERT INTO record_key (client_id, key_hash, batch_id, chunk_no, ends_at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING`,
  );
  const ends = endsAt(sql, unique);
  const inOrder = keys.map((key, i) => ({ key, i })).filter(({ key }) => key !== "");
  inOrder.sort((a, b) => (a.key < b.key ? -1 : 1));
  const missed = new Set<number>();
  for (const { key, i } of inOrder)
    if (Number(insert.run(clientId, Buffer.from(key, "hex"), id, chunk, ends).changes) === 0) missed.add(i);
  return missed;
}

const endsAt = (sql: Sql, unique: ChunkCommit["unique"]): number | null =>
  unique?.keepMs == null ? null : sql.now() + unique.keepMs;

/** The reservations of this chunk become lasting, but for those whose records were refused. */
export function settleReservations(sql: Sql, { id, chunk, unique }: ChunkCommit): void {
  if (!unique?.freed) return;
  const mine = "batch_id = ?1 AND expires_at IS NOT NULL AND chunk_no = ?2";
  for (const key of unique.freed)
    sql.run(`DELETE FROM record_key WHERE ${mine} AND key_hash = ?3`, id, chunk, Buffer.from(key, "hex"));
  sql.run(`UPDATE record_key SET expires_at = NULL, ends_at = ?3 WHERE ${mine}`, id, chunk, endsAt(sql, unique));
}
