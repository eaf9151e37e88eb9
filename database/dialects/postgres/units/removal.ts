/** Deleting in pieces: a batch of millions of rows must not hold up the others' commits for seconds. */
import { removable } from "../../../rows.ts";
import type { Due, Removal } from "../../../store.ts";
import { dueAt, Values } from "../rows.ts";
import { NOW, type Sql } from "../sql.ts";

interface Piece {
  table: string;
  key: string;
  /** A SELECT that locks a row for this statement. No row: another node deletes there right now, or nobody may. */
  taken: string;
  /** Which rows of the table. */
  rows: string;
}

/** Rows of a batch that may be deleted. */
const ofBatch = (table: string, key: string): Piece => ({
  table,
  key,
  taken: `SELECT b.id FROM batch b WHERE b.id = $1 AND ${removable("b", NOW)} FOR UPDATE SKIP LOCKED`,
  rows: "batch_id = $1",
});
const chunks = ofBatch("batch_chunk", "no");
const pieces = [chunks, ofBatch("record_error", "seq, n"), ofBatch("record", "seq")];

/**
 * Deletes at most `limit` of the rows, and answers how many. Up to a last key and not by a list of keys, so that they are read
 * along the index. Null: nothing was taken.
 */
export async function deletePiece(
  sql: Sql,
  { table, key, taken, rows }: Piece,
  of: number[],
  limit: number,
): Promise<number | null> {
  const row = await sql.get<{ taken: number; gone: number }>(
    `WITH taken AS MATERIALIZED (${taken}),
       piece AS MATERIALIZED (SELECT ${key} FROM ${table} WHERE ${rows} AND EXISTS (SELECT 1 FROM taken)
         ORDER BY ${key} LIMIT $${of.length + 1}),
       gone AS (DELETE FROM ${table} WHERE ${rows}
         AND (${key}) <= (SELECT ${key} FROM piece ORDER BY ${descending(key)} LIMIT 1) RETURNING 1)
     SELECT (SELECT count(*) FROM taken) AS taken, (SELECT count(*) FROM gone) AS gone`,
    ...of,
    limit,
  );
  return row?.taken ? row.gone : null;
}

const descending = (key: string) => key.replace(/\w+/g, "$& DESC");

/** What became of a batch that was not taken. */
async function untaken(sql: Sql, id: number): Promise<Removal> {
  const row = await sql.get(`SELECT 1 FROM batch b WHERE b.id = $1 AND ${removable("b", NOW)}`, id);
  return row ? "busy" : "done";
}

/** Fewer rows than a piece say nothing: the statement's snapshot may be older than another node's last piece. */
const hasRows = async (sql: Sql, { table, rows }: Piece, id: number) =>
  (await sql.get(`SELECT 1 FROM ${table} WHERE ${rows} LIMIT 1`, id)) !== undefined;

export async function purgeChunks(sql: Sql, id: number, limit: number, due: Due): Promise<Removal> {
  if ((await deletePiece(sql, chunks, [id], limit)) === null) return untaken(sql, id);
  if (await hasRows(sql, chunks, id)) return "more";
  const values = new Values();
  await sql.all(
    `UPDATE batch SET chunks = 0, due_at = ${dueAt(due, values)}
     WHERE id = ${values.add(id)} AND chunks > 0 AND ${removable("batch", NOW)}`,
    ...values.list,
  );
  return "done";
}

export async function deleteBatch(sql: Sql, id: number, limit: number): Promise<Removal> {
  let left = limit;
  for (const piece of pieces) {
    const gone = await deletePiece(sql, piece, [id], left);
    if (gone === null) return untaken(sql, id);
    left -= gone;
    if (left <= 0 || (await hasRows(sql, piece, id))) return "more";
  }
  await sql.all(
    `WITH gone AS (DELETE FROM batch WHERE id = $1 AND ${removable("batch", NOW)}
         RETURNING id, client_id, content_hash),
       untold AS (DELETE FROM delivery d USING gone WHERE d.batch_id = gone.id RETURNING d.id),
       untried AS (DELETE FROM delivery_attempt a USING untold WHERE a.delivery_id = untold.id),
       unattempted AS (DELETE FROM batch_attempt a USING gone WHERE a.batch_id = gone.id)
     DELETE FROM content_key c USING gone
     WHERE c.client_id = gone.client_id AND c.hash = gone.content_hash AND c.batch_id = gone.id`,
    id,
  );
  return "done";
}
