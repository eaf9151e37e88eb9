/** Deleting in pieces: a batch of millions of rows must not hold up the others' commits for seconds. */
import { removable } from "../../../rows.ts";
import type { Due } from "../../../store.ts";
import { dueAt, Values } from "../rows.ts";
import { NOW, type Sql } from "../sql.ts";

const pieces = [
  { table: "batch_chunk", key: "no" },
  { table: "record_error", key: "seq, n" },
  { table: "record", key: "seq" },
] as const;

const REMOVABLE = `EXISTS (SELECT 1 FROM batch b WHERE b.id = $1 AND ${removable("b", NOW)})`;

/**
 * How many rows went, at most `limit`. Up to a last key and not by a list of keys: read along the index, two nodes at the
 * same batch lock its rows in the same order.
 */
async function deletePiece(
  sql: Sql,
  { table, key }: (typeof pieces)[number],
  id: number,
  limit: number,
): Promise<number> {
  const row = await sql.get<{ n: number }>(
    `WITH piece AS MATERIALIZED (SELECT ${key} FROM ${table} WHERE batch_id = $1 AND ${REMOVABLE}
       ORDER BY ${key} LIMIT $2),
       gone AS (DELETE FROM ${table} WHERE batch_id = $1
         AND (${key}) <= (SELECT ${key} FROM piece ORDER BY ${descending(key)} LIMIT 1) RETURNING 1)
     SELECT count(*) AS n FROM gone`,
    id,
    limit,
  );
  return row?.n ?? 0;
}

const descending = (key: string) => key.replace(/\w+/g, "$& DESC");

export async function purgeChunks(sql: Sql, id: number, limit: number, due: Due): Promise<boolean> {
  // Less than a piece says nothing: another node, at the same rows, leaves none of them to this one.
  await deletePiece(sql, pieces[0], id, limit);
  if (await hasRows(sql, pieces[0], id)) return false;
  const values = new Values();
  await sql.all(
    `UPDATE batch SET chunks = 0, due_at = ${dueAt(due, values)}
     WHERE id = ${values.add(id)} AND chunks > 0 AND ${removable("batch", NOW)}`,
    ...values.list,
  );
  return true;
}

const hasRows = async (sql: Sql, { table }: (typeof pieces)[number], id: number) =>
  (await sql.get(`SELECT 1 FROM ${table} WHERE batch_id = $1 AND ${REMOVABLE} LIMIT 1`, id)) !== undefined;

export async function deleteBatch(sql: Sql, id: number, limit: number): Promise<boolean> {
  let left = limit;
  for (const piece of pieces) {
    left -= await deletePiece(sql, piece, id, left);
    if (left <= 0 || (await hasRows(sql, piece, id))) return false;
  }
  await sql.all(
    `WITH gone AS (DELETE FROM batch WHERE id = $1 AND ${removable("batch", NOW)}
         RETURNING id, client_id, content_hash),
       untold AS (DELETE FROM delivery d USING gone WHERE d.batch_id = gone.id RETURNING d.id),
       untried AS (DELETE FROM delivery_attempt a USING untold WHERE a.delivery_id = untold.id)
     DELETE FROM content_key c USING gone
     WHERE c.client_id = gone.client_id AND c.hash = gone.content_hash AND c.batch_id = gone.id`,
    id,
  );
  return true;
}
