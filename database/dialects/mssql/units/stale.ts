/** Errors of earlier passes over a batch: out of sight since the batch was driven again, and deleted in pieces. */
import { PASS } from "../../../rows.ts";
import type { Removal, StaleErrors } from "../../../store.ts";
import { PASSING_BY } from "../render.ts";
import { deciding } from "../rows.ts";
import { big, int, type Sql } from "../sql.ts";
import { deletePiece } from "./removal.ts";

/** Variable and statement: the pass over the batch `id`. As BIGINT, for it is multiplied. */
export const PASS_VARIABLE = "@passes BIGINT";
export const passOf = (id: string) => `SELECT @passes = pass FROM batch WHERE id = ${id}`;
/** What stands before the record's number in `seq`. */
export const passStep = () => big(PASS);

export function staleErrors(sql: Sql, limit: number): Promise<StaleErrors[]> {
  return sql.all<StaleErrors>(
    'SELECT TOP (@limit) batch_id AS "batchId", pass AS "pass" FROM stale_errors ORDER BY since;',
    { limit: int(limit) },
  );
}

const MINE = "batch_id = @id AND pass = @pass";
const PIECE = {
  table: "record_error",
  key: { seq: "BIGINT", n: "INT" },
  take: deciding(`UPDATE stale_errors ${PASSING_BY} SET since = since WHERE ${MINE}`),
  rows: "batch_id = @id AND seq >= @first AND seq < @end",
};

export async function deleteStaleErrors(sql: Sql, { batchId, pass }: StaleErrors, limit: number): Promise<Removal> {
  const mine = { id: big(batchId), pass: int(pass) };
  const range = { first: big(pass * PASS), end: big((pass + 1) * PASS) };
  const piece = await deletePiece(sql, PIECE, { ...mine, ...range }, limit);
  if (!piece) {
    const isThere = await sql.get(`SELECT pass AS "pass" FROM stale_errors WHERE ${MINE};`, mine);
    return isThere ? "busy" : "done";
  }
  if (piece.hasMore) return "more";
  await sql.all(`DELETE FROM stale_errors WHERE ${MINE};`, mine);
  return "done";
}
