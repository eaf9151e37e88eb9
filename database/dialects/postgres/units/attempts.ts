/** Attempts at a batch that failed: its last ones are kept. */
import { KEPT_ATTEMPTS } from "../../../rows.ts";
import type { FailedAttempt } from "../../../store.ts";
import { storable } from "../../../text.ts";
import type { Values } from "../rows.ts";
import { NOW } from "../sql.ts";

/** CTEs of a move that ends an attempt at the batch `made`. */
export function attemptCtes({ node, code, detail }: FailedAttempt, values: Values): string[] {
  const [at, from, why] = [
    values.add(node, "varchar"),
    values.add(code, "varchar"),
    values.add(storable(detail), "text"),
  ];
  return [
    `failed AS (INSERT INTO batch_attempt (batch_id, no, at, node, code, detail)
      SELECT made.id, made."attemptsTotal", ${NOW}, ${at}, ${from}, ${why} FROM made
      ON CONFLICT (batch_id, no) DO UPDATE SET at = excluded.at, node = excluded.node, code = excluded.code, detail = excluded.detail)`,
    `forgotten AS (DELETE FROM batch_attempt a USING made
      WHERE a.batch_id = made.id AND a.no <= made."attemptsTotal" - ${KEPT_ATTEMPTS})`,
  ];
}
