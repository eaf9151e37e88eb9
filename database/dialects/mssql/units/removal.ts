/** Deleting in pieces: a batch of millions of rows must not hold up the others' commits for seconds. */
import { removable } from "../../../rows.ts";
import type { Due, Removal } from "../../../store.ts";
import { PASSING_BY } from "../render.ts";
import { AT_NOW, type Deciding, deciding, dueAt, Params, unit } from "../rows.ts";
import { big, int, type Sql, type Values } from "../sql.ts";

/** From 5,000 locks of a statement on SQL Server would rather lock the whole table. */
const MOST_ROWS = 2_000;

interface Piece {
  table: string;
  key: Record<string, string>;
  /** Locks a row until the piece is deleted, and passes by where another node has it. */
  take: Deciding;
  /** Which rows of the table. */
  rows: string;
}

/** A write without a change is the lock that needs no hint. */
const TAKE = deciding(`UPDATE batch ${PASSING_BY} SET fence = fence WHERE id = @id AND ${removable("batch", "@now")}`);

/** Rows of a batch that may be deleted. */
const ofBatch = (table: string, key: Piece["key"]): Piece => ({ table, key, take: TAKE, rows: "batch_id = @id" });
const chunks = ofBatch("batch_chunk", { no: "INT" });
const pieces = [chunks, ofBatch("record_error", { seq: "BIGINT", n: "INT" }), ofBatch("record", { seq: "BIGINT" })];

/** One piece, and how many rows went with it. Up to a last key and not by a list of keys: the rows are read along the index. */
function pieceOf({ table, key, take, rows }: Piece): string {
  const names = Object.keys(key);
  const [first, second] = names;
  const columns = names.join(", ");
  const upTo = second
    ? `(${first} < @${first} OR (${first} = @${first} AND ${second} <= @${second}))`
    : `${first} <= @${first}`;
  return unit({
    declared: [...Object.entries(key).map(([column, type]) => `@${column} ${type}`), "@gone INT"],
    steps: [
      take,
      `SELECT TOP (1) ${names.map((column) => `@${column} = piece.${column}`).join(", ")}
FROM (SELECT TOP (@limit) ${columns} FROM ${table} WHERE ${rows} ORDER BY ${columns}) AS piece
ORDER BY ${names.map((column) => `piece.${column} DESC`).join(", ")}`,
      `DELETE FROM ${table} WHERE ${rows} AND ${upTo}`,
      "SET @gone = @@ROWCOUNT",
    ],
    answer: `SELECT @gone AS "gone", CASE WHEN EXISTS (SELECT 1 FROM ${table} WHERE ${rows}) THEN 1 ELSE 0 END AS "hasMore"
WHERE @held = 1`,
  });
}

/** Null: nothing was taken. `hasMore` is looked up: fewer rows than a piece say nothing where rows have versions. */
export async function deletePiece(
  sql: Sql,
  piece: Piece,
  of: Values,
  limit: number,
): Promise<{ gone: number; hasMore: number } | null> {
  const values = { ...of, limit: int(Math.min(limit, MOST_ROWS)) };
  return (await sql.get<{ gone: number; hasMore: number }>(pieceOf(piece), values)) ?? null;
}

/** What became of a batch that was not taken. */
async function untaken(sql: Sql, id: number): Promise<Removal> {
  const text = `${AT_NOW}\nSELECT b.id AS "id" FROM batch AS b WHERE b.id = @id AND ${removable("b", "@now")};`;
  return (await sql.get(text, { id: big(id) })) ? "busy" : "done";
}

export async function purgeChunks(sql: Sql, id: number, limit: number, due: Due): Promise<Removal> {
  const piece = await deletePiece(sql, chunks, { id: big(id) }, limit);
  if (!piece) return untaken(sql, id);
  if (piece.hasMore) return "more";
  const params = new Params();
  await sql.all(
    `${AT_NOW}\nUPDATE batch SET chunks = 0, due_at = ${dueAt(due, params)}
WHERE id = ${params.add(big(id), "id")} AND chunks > 0 AND ${removable("batch", "@now")};`,
    params.all,
  );
  return "done";
}

/** Deliveries go before their attempts: whoever adds one holds its delivery. */
const DELETE = unit({
  declared: [
    "@client BIGINT",
    "@hash BINARY(32)",
    "@untold TABLE (id BIGINT)",
    "@gone TABLE (client_id BIGINT, hash BINARY(32))",
  ],
  steps: [
    `DELETE FROM batch OUTPUT deleted.client_id, deleted.content_hash INTO @gone
WHERE id = @id AND ${removable("batch", "@now")}`,
    "SELECT @client = client_id, @hash = hash FROM @gone",
    "DELETE FROM batch_work WHERE batch_id = @id AND @client IS NOT NULL",
    "DELETE FROM content_key WHERE client_id = @client AND hash = @hash AND batch_id = @id",
    "DELETE FROM delivery OUTPUT deleted.id INTO @untold WHERE batch_id = @id AND @client IS NOT NULL",
    "DELETE FROM delivery_attempt WHERE delivery_id IN (SELECT untold.id FROM @untold AS untold)",
    "DELETE FROM batch_attempt WHERE batch_id = @id AND @client IS NOT NULL",
  ],
  answer: 'SELECT COUNT(*) AS "gone" FROM @gone',
});

export async function deleteBatch(sql: Sql, id: number, limit: number): Promise<Removal> {
  let left = limit;
  for (const piece of pieces) {
    const deleted = await deletePiece(sql, piece, { id: big(id) }, left);
    if (!deleted) return untaken(sql, id);
    left -= deleted.gone;
    if (left <= 0 || deleted.hasMore) return "more";
  }
  await sql.all(DELETE, { id: big(id) });
  return "done";
}
