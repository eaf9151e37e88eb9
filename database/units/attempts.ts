/** Attempts at a batch that failed: its last ones are kept. */
import { batchAttempt } from "../schema/tables.ts";
import type { BatchStore } from "../store.ts";
import { selectFrom } from "./steps.ts";
import type { Units } from "./unit.ts";

export function attemptUnits(on: Units): Pick<BatchStore, "attempts"> {
  const last = on.unit({ ids: "ids", last: "int" }, ({ isIn }) => [
    selectFrom(
      batchAttempt,
      ["batchId", "no", "at", "node", "code", "detail"],
      "q",
      `FROM (SELECT a.batch_id, a.no, a.at, a.node, a.code, a.detail,
    ROW_NUMBER() OVER (PARTITION BY a.batch_id ORDER BY a.no DESC) AS place
  FROM batch_attempt AS a WHERE ${isIn("a.batch_id", ":ids")}) AS q
WHERE q.place <= :last ORDER BY q.batch_id, q.no DESC`,
    ),
  ]);
  return { attempts: (ids, most) => last.rows({ ids, last: most }) };
}
