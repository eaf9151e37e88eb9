/** Attempts at a batch that failed: its last ones are kept. */
import { KEPT_ATTEMPTS } from "../../../rows.ts";
import type { BatchAttempt, FailedAttempt } from "../../../store.ts";
import { storable } from "../../../text.ts";
import { idsIn, listOf, type Params } from "../rows.ts";
import { int, name, type Sql, text } from "../sql.ts";

export const ATTEMPT_VARIABLE = "@attempt INT";

/** Of a move that ends an attempt at the batch `@id`. */
export function attemptSteps({ node, code, detail }: FailedAttempt, params: Params): string[] {
  const values = [
    params.add(name(node), "node"),
    params.add(name(code), "code"),
    params.add(text(storable(detail)), "detail"),
  ];
  const kept = params.add(int(KEPT_ATTEMPTS), "kept");
  return [
    "SELECT @attempt = attempts_total FROM @made",
    `DELETE FROM batch_attempt WHERE batch_id = @id AND (no = @attempt OR no <= @attempt - ${kept})`,
    `INSERT INTO batch_attempt (batch_id, no, at, node, code, detail) VALUES (@id, @attempt, @now, ${values.join(", ")})`,
  ];
}

export function attempts(sql: Sql, ids: number[], last: number): Promise<BatchAttempt[]> {
  return sql.all<BatchAttempt>(
    `SELECT q.batch_id AS "batchId", q.no AS "no", q.at AS "at", q.node AS "node", q.code AS "code", q.detail AS "detail" FROM (
  SELECT a.batch_id, a.no, a.at, a.node, a.code, a.detail, ROW_NUMBER() OVER (PARTITION BY a.batch_id ORDER BY a.no DESC) AS place
  FROM batch_attempt AS a WHERE a.batch_id IN ${idsIn("@ids")}) AS q
WHERE q.place <= @last ORDER BY q.batch_id, q.no DESC;`,
    { ids: listOf(ids), last: int(last) },
  );
}
