/** Errors of earlier passes over a batch: out of sight since the batch was driven again, and deleted in pieces. */
import { PASS } from "../../../rows.ts";
import type { Removal, StaleErrors } from "../../../store.ts";
import { NOW, type Sql } from "../sql.ts";
import { deletePiece, hasRows } from "./removal.ts";

/** CTE of a move that begins the batch `made` anew. The snapshot has its pass as it was. */
export const STALE = `stale AS (INSERT INTO stale_errors (batch_id, pass, since)
  SELECT b.id, b.pass, ${NOW} FROM made JOIN batch b ON b.id = made.id)`;

/** What stands before the record's number in `seq` today. */
export const passOf = (id: string) => `(SELECT b.pass * ${PASS} FROM batch b WHERE b.id = ${id})`;

export function staleErrors(sql: Sql, limit: number): Promise<StaleErrors[]> {
  return sql.all(`SELECT batch_id AS "batchId", pass FROM stale_errors ORDER BY since LIMIT $1`, limit);
}

const MINE = "batch_id = $1 AND pass = $2";
const ERRORS = {
  table: "record_error",
  key: "seq, n",
  taken: `SELECT batch_id FROM stale_errors WHERE ${MINE} FOR UPDATE SKIP LOCKED`,
  rows: `batch_id = $1 AND seq >= $2::int * ${PASS} AND seq < ($2::int + 1) * ${PASS}`,
};

export async function deleteStaleErrors(sql: Sql, { batchId, pass }: StaleErrors, limit: number): Promise<Removal> {
  if ((await deletePiece(sql, ERRORS, [batchId, pass], limit)) === null)
    return (await sql.get(`SELECT 1 FROM stale_errors WHERE ${MINE}`, batchId, pass)) ? "busy" : "done";
  if (await hasRows(sql, ERRORS, [batchId, pass])) return "more";
  await sql.all(`DELETE FROM stale_errors WHERE ${MINE}`, batchId, pass);
  return "done";
}
