/** Attempts at a batch that failed: its last ones are kept. */
import { KEPT_ATTEMPTS } from "../../../rows.ts";
import type { BatchRow, FailedAttempt } from "../../../store.ts";
import { storable } from "../../../text.ts";
import type { Sql } from "../sql.ts";

export function keepAttempt(
  sql: Sql,
  { id, attemptsTotal: no }: Pick<BatchRow, "id" | "attemptsTotal">,
  { node, code, detail }: FailedAttempt,
  now: number,
): void {
  sql.run("DELETE FROM batch_attempt WHERE batch_id = ?1 AND (no = ?2 OR no <= ?2 - ?3)", id, no, KEPT_ATTEMPTS);
  sql.run(
    "INSERT INTO batch_attempt (batch_id, no, at, node, code, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    id,
    no,
    now,
    node,
    code,
    storable(detail),
  );
}
