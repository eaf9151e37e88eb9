/** Writes the unique keys of records together with the records. For reservations of keys see database/units/keys.ts. */
import type { BatchRow } from "../../../../services/batch/batch.domain.ts";
import type { RowCounts } from "../../../../services/batch/batch.table.domain.ts";
import type { ChunkCommit } from "../../../../services/batch/batch.writes.domain.ts";
import type { Sql } from "../sql.ts";

/** The columns of `batch_work` that a worker's commit needs. */
export type Held = Pick<
  BatchRow,
  "clientId" | "accepted" | "rejected" | "duplicate" | "faults" | "unlisted" | "version" | keyof RowCounts
> & { pass: number; place: number; groupId: number | null };

/** The worker's row of `batch_work`. Undefined: the batch has another fence, or is at another chunk. */
export function heldBy(sql: Sql, id: number, fence: number, chunk: number): Held | undefined {
  return sql.get<Held>(
    `SELECT client_id AS clientId, pass, place, group_id AS groupId, accepted, rejected, duplicate, faults, unlisted, version,
       created, updated, deleted FROM batch_work
     WHERE batch_id = ?1 AND fence = ?2 AND next_chunk = ?3`,
    id,
    fence,
    chunk,
  );
}

/** Inserts the new keys, sorted by hash. Answers the positions of the texts whose key was taken. */
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
  countTaken(
    sql,
    { id, clientId },
    [...missed].map((i) => keys[i] as string),
  );
  return missed;
}

/** Counts records whose keys other batches have: adds them to those batches' rows of `duplicate_count`. */
function countTaken(sql: Sql, { id, clientId }: { id: number; clientId: number }, keys: string[]): void {
  const counts = new Map<number, number>();
  for (const key of keys) {
    const found = sql.get<{ batchId: number }>(
      "SELECT batch_id AS batchId FROM record_key WHERE client_id = ?1 AND key_hash = ?2",
      clientId,
      Buffer.from(key, "hex"),
    );
    if (found && found.batchId !== id) counts.set(found.batchId, (counts.get(found.batchId) ?? 0) + 1);
  }
  for (const [batchId, n] of counts)
    sql.run(
      `INSERT INTO duplicate_count (batch_id, by_id, n) VALUES (?1, ?2, ?3)
       ON CONFLICT (batch_id, by_id) DO UPDATE SET n = duplicate_count.n + excluded.n`,
      batchId,
      id,
      n,
    );
}

const endsAt = (sql: Sql, unique: ChunkCommit["unique"]): number | null =>
  unique?.keepMs == null ? null : sql.now() + unique.keepMs;

/**
 * Settles the reservations of this chunk's keys: deletes those of refused records, counts those that mark corrections,
 * and makes all that remain permanent.
 */
export function settleReservations(sql: Sql, { id, chunk, unique }: ChunkCommit, clientId: number): void {
  if (!unique?.freed) return;
  countTaken(sql, { id, clientId }, unique.taken ?? []);
  const mine = "batch_id = ?1 AND expires_at IS NOT NULL AND chunk_no = ?2";
  for (const key of unique.freed)
    sql.run(`DELETE FROM record_key WHERE ${mine} AND key_hash = ?3`, id, chunk, Buffer.from(key, "hex"));
  const { marks } = unique;
  if (marks) {
    const marked = sql.get<{ n: number }>(
      `SELECT count(*) AS n FROM record_key WHERE ${mine} AND key_hash BETWEEN ?3 AND ?4`,
      id,
      chunk,
      Buffer.from(marks.from, "hex"),
      Buffer.from(marks.to, "hex"),
    )?.n;
    if (marked)
      sql.run(
        "UPDATE batch SET corrected = coalesce(corrected, 0) + ?2, version = version + 1 WHERE id = ?1",
        marks.first,
        marked,
      );
  }
  sql.run(`UPDATE record_key SET expires_at = NULL, ends_at = ?3 WHERE ${mine}`, id, chunk, endsAt(sql, unique));
}
