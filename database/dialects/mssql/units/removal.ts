/** Deleting in pieces: a batch of millions of rows must not hold up the others' commits for seconds. */
import { removable } from "../../../rows.ts";
import type { Due } from "../../../store.ts";
import { AT_NOW, dueAt, Params, unit } from "../rows.ts";
import { big, int, type Sql } from "../sql.ts";

/** From 5,000 locks of a statement on SQL Server would rather lock the whole table. */
const MOST_ROWS = 2_000;

const pieces = [
  { table: "batch_chunk", key: { no: "INT" } },
  { table: "record_error", key: { seq: "BIGINT", n: "INT" } },
  { table: "record", key: { seq: "BIGINT" } },
] as const;
type Piece = (typeof pieces)[number];

const REMOVABLE = `EXISTS (SELECT 1 FROM batch AS b WHERE b.id = @id AND ${removable("b", "@now")})`;

/**
 * One piece, and how many rows went with it. Up to a last key and not by a list of keys: read along the index, two nodes at
 * the same batch lock its rows in the same order.
 */
function pieceOf({ table, key }: Piece): string {
  const [first, second] = Object.keys(key);
  const columns = Object.keys(key).join(", ");
  const upTo = second
    ? `(${first} < @${first} OR (${first} = @${first} AND ${second} <= @${second}))`
    : `${first} <= @${first}`;
  return `${AT_NOW}
${Object.entries(key)
  .map(([column, type]) => `DECLARE @${column} ${type};`)
  .join("\n")}
DECLARE @gone INT;
SELECT TOP (1) ${Object.keys(key)
    .map((column) => `@${column} = piece.${column}`)
    .join(", ")}
FROM (SELECT TOP (@limit) ${columns} FROM ${table} WHERE batch_id = @id AND ${REMOVABLE} ORDER BY ${columns}) AS piece
ORDER BY ${Object.keys(key)
    .map((column) => `piece.${column} DESC`)
    .join(", ")};
DELETE FROM ${table} WHERE batch_id = @id AND ${upTo};
SET @gone = @@ROWCOUNT;
SELECT @gone AS "gone", CASE WHEN EXISTS (SELECT 1 FROM ${table} WHERE batch_id = @id AND ${REMOVABLE}) THEN 1 ELSE 0 END AS "hasMore";`;
}

/** `hasMore` is looked up: less than a piece says nothing, another node at the same rows leaves none of them to this one. */
async function deletePiece(
  sql: Sql,
  piece: Piece,
  id: number,
  limit: number,
): Promise<{ gone: number; hasMore: number }> {
  const values = { id: big(id), limit: int(Math.min(limit, MOST_ROWS)) };
  return (await sql.get<{ gone: number; hasMore: number }>(pieceOf(piece), values)) ?? { gone: 0, hasMore: 0 };
}

export async function purgeChunks(sql: Sql, id: number, limit: number, due: Due): Promise<boolean> {
  const { hasMore } = await deletePiece(sql, pieces[0], id, limit);
  if (hasMore) return false;
  const params = new Params();
  await sql.all(
    `${AT_NOW}\nUPDATE batch SET chunks = 0, due_at = ${dueAt(due, params)}
WHERE id = ${params.add(big(id), "id")} AND chunks > 0 AND ${removable("batch", "@now")};`,
    params.all,
  );
  return true;
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
    "DELETE FROM content_key WHERE client_id = @client AND hash = @hash AND batch_id = @id",
    "DELETE FROM delivery OUTPUT deleted.id INTO @untold WHERE batch_id = @id AND @client IS NOT NULL",
    "DELETE FROM delivery_attempt WHERE delivery_id IN (SELECT untold.id FROM @untold AS untold)",
  ],
  answer: 'SELECT COUNT(*) AS "gone" FROM @gone',
});

export async function deleteBatch(sql: Sql, id: number, limit: number): Promise<boolean> {
  let left = limit;
  for (const piece of pieces) {
    const { gone, hasMore } = await deletePiece(sql, piece, id, left);
    left -= gone;
    if (left <= 0 || hasMore) return false;
  }
  await sql.all(DELETE, { id: big(id) });
  return true;
}
