/** Attempts at a batch that failed: its last ones are kept. */
import { KEPT_ATTEMPTS } from "../../../rows.ts";
import type { FailedAttempt } from "../../../store.ts";
import { storable } from "../../../text.ts";
import type { Params } from "../rows.ts";
import { int, name, text } from "../sql.ts";

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
