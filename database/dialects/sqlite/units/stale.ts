/** Errors of earlier passes over a batch: out of sight since the batch was driven again, and deleted in pieces. */
import { PASS } from "../../../rows.ts";
import type { Removal, StaleErrors } from "../../../store.ts";
import type { Sql } from "../sql.ts";

export function staleErrors(sql: Sql, limit: number): StaleErrors[] {
  return sql.all("SELECT batch_id AS batchId, pass FROM stale_errors ORDER BY since LIMIT ?1", limit);
}

const ROWS = "batch_id = ?1 AND seq >= ?2 AND seq < ?3";

export function deleteStaleErrors(sql: Sql, { batchId, pass }: StaleErrors, limit: number): Removal {
  const gone = sql.run(
    `DELETE FROM record_error WHERE ${ROWS}
       AND (seq, n) IN (SELECT seq, n FROM record_error WHERE ${ROWS} ORDER BY seq, n LIMIT ?4)`,
    batchId,
    pass * PASS,
    (pass + 1) * PASS,
    limit,
  );
  if (gone === limit) return "more";
  sql.run("DELETE FROM stale_errors WHERE batch_id = ?1 AND pass = ?2", batchId, pass);
  return "done";
}
