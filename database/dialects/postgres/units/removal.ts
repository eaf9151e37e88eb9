/** Deleting in pieces: a batch of millions of rows must not hold up the others' commits for seconds. */
import type { Due } from "../../../store.ts";
import { dueAt, Values } from "../rows.ts";
import type { Sql } from "../sql.ts";

const pieces = [
  { table: "batch_chunk", key: "no" },
  { table: "record_error", key: "seq, n" },
  { table: "record", key: "seq" },
] as const;

/** How many rows went, at most `limit`. */
async function deletePiece(
  sql: Sql,
  { table, key }: (typeof pieces)[number],
  id: number,
  limit: number,
): Promise<number> {
  const row = await sql.get<{ n: number }>(
    `WITH gone AS (DELETE FROM ${table} WHERE batch_id = $1
       AND (${key}) IN (SELECT ${key} FROM ${table} WHERE batch_id = $1 ORDER BY ${key} LIMIT $2) RETURNING 1)
     SELECT count(*) AS n FROM gone`,
    id,
    limit,
  );
  return row?.n ?? 0;
}

export async function purgeChunks(sql: Sql, id: number, limit: number, due: Due): Promise<boolean> {
  if ((await deletePiece(sql, pieces[0], id, limit)) === limit && (await hasChunks(sql, id))) return false;
  const values = new Values();
  await sql.all(
    `UPDATE batch SET chunks = 0, due_at = ${dueAt(due, values)} WHERE id = ${values.add(id)}`,
    ...values.list,
  );
  return true;
}

const hasChunks = async (sql: Sql, id: number) =>
  (await sql.get("SELECT 1 FROM batch_chunk WHERE batch_id = $1 LIMIT 1", id)) !== undefined;

export async function deleteBatch(sql: Sql, id: number, limit: number): Promise<boolean> {
  let left = limit;
  for (const piece of pieces) {
    left -= await deletePiece(sql, piece, id, left);
    if (left <= 0) return false;
  }
  await sql.all(
    `WITH gone AS (DELETE FROM delivery WHERE batch_id = $1 RETURNING id),
       told AS (DELETE FROM delivery_attempt a USING gone WHERE a.delivery_id = gone.id)
     DELETE FROM batch WHERE id = $1`,
    id,
  );
  return true;
}
