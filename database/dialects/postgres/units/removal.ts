/** Deleting in pieces: a batch of millions of rows must not hold up the others' commits for seconds. */
import { LRUCache } from "lru-cache";
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
 * The number up to which this node has deleted, by table and rows. Deleted rows stay in the index until a vacuum, and each
 * piece would walk over all of them again.
 */
const reached = new WeakMap<Sql, LRUCache<string, number>>();
const MOST_REACHED = 1_000;

function reachedOf(sql: Sql): LRUCache<string, number> {
  const known = reached.get(sql) ?? new LRUCache({ max: MOST_REACHED });
  reached.set(sql, known);
  return known;
}

const nameOf = ({ table }: Piece, of: number[]) => [table, ...of].join();
const firstOf = ({ key }: Piece) => key.replace(/,.*/, "");

/**
 * Deletes at most `limit` of the rows, and answers how many. Up to a last key and not by a list of keys, so that they are read
 * along the index. Null: nothing was taken.
 */
export async function deletePiece(sql: Sql, piece: Piece, of: number[], limit: number): Promise<number | null> {
  const { table, key, taken, rows } = piece;
  const known = reachedOf(sql);
  const [from, most] = [`$${of.length + 1}`, `$${of.length + 2}`];
  const left = `${rows} AND ${firstOf(piece)} >= ${from}`;
  const row = await sql.get<{ taken: number; gone: number; last: number | null }>(
    `WITH taken AS MATERIALIZED (${taken}),
       piece AS MATERIALIZED (SELECT ${key} FROM ${table} WHERE ${left} AND EXISTS (SELECT 1 FROM taken)
         ORDER BY ${key} LIMIT ${most}),
       gone AS (DELETE FROM ${table} WHERE ${left}
         AND (${key}) <= (SELECT ${key} FROM piece ORDER BY ${descending(key)} LIMIT 1) RETURNING 1)
     SELECT (SELECT count(*) FROM taken) AS taken, (SELECT count(*) FROM gone) AS gone,
       (SELECT max(${firstOf(piece)}) FROM piece) AS last`,
    ...of,
    known.get(nameOf(piece, of)) ?? 0,
    limit,
  );
  if (!row?.taken) return null;
  if (row.last !== null) known.set(nameOf(piece, of), row.last);
  return row.gone;
}

/**
 * Fewer rows than a piece say nothing: the statement's snapshot may be older than another node's last piece. Before the end
 * all rows are looked at once more, from the first one on.
 */
export async function hasRows(sql: Sql, piece: Piece, of: number[]): Promise<boolean> {
  const known = reachedOf(sql);
  const text = `SELECT 1 FROM ${piece.table} WHERE ${piece.rows} AND ${firstOf(piece)} >= $${of.length + 1} ORDER BY ${piece.key} LIMIT 1`;
  const isThere = async (from: number) => (await sql.get(text, ...of, from)) !== undefined;
  const from = known.get(nameOf(piece, of)) ?? 0;
  if (await isThere(from)) return true;
  known.delete(nameOf(piece, of));
  return from > 0 && isThere(0);
}

const descending = (key: string) => key.replace(/\w+/g, "$& DESC");

/** What became of a batch that was not taken. */
async function untaken(sql: Sql, id: number): Promise<Removal> {
  const row = await sql.get(`SELECT 1 FROM batch b WHERE b.id = $1 AND ${removable("b", NOW)}`, id);
  return row ? "busy" : "done";
}

export async function purgeChunks(sql: Sql, id: number, limit: number, due: Due): Promise<Removal> {
  if ((await deletePiece(sql, chunks, [id], limit)) === null) return untaken(sql, id);
  if (await hasRows(sql, chunks, [id])) return "more";
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
    if (left <= 0 || (await hasRows(sql, piece, [id]))) return "more";
  }
  await sql.all(
    `WITH gone AS (DELETE FROM batch WHERE id = $1 AND ${removable("batch", NOW)}
         RETURNING id, client_id, content_hash),
       untold AS (DELETE FROM delivery d USING gone WHERE d.batch_id = gone.id RETURNING d.id),
       untried AS (DELETE FROM delivery_attempt a USING untold WHERE a.delivery_id = untold.id),
       unattempted AS (DELETE FROM batch_attempt a USING gone WHERE a.batch_id = gone.id),
       unworked AS (DELETE FROM batch_work w USING gone WHERE w.batch_id = gone.id)
     DELETE FROM content_key c USING gone
     WHERE c.client_id = gone.client_id AND c.hash = gone.content_hash AND c.batch_id = gone.id`,
    id,
  );
  return "done";
}
