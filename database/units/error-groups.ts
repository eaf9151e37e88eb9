/** Reads the faults of a batch by field and code. The number of rows does not grow with the number of faults. */
import { type RawSummary, SUMMARY_ROWS, summaryOf } from "../error-groups.ts";
import { LIVE, liveColumn } from "../rows.ts";
import type { BatchStore } from "../store.ts";
import { select } from "./steps.ts";
import type { Units } from "./unit.ts";

export function errorGroupUnits(on: Units): Pick<BatchStore, "errorSummary"> {
  // One statement, so that the groups and the batch's counts are of the same moment.
  const groups = on.unit({ id: "bigint", most: "int" }, ({ first }) => [
    select<RawSummary>(
      first(
        ":most",
        `g.field AS "field", g.code AS "code", g.message AS "message", g.examples AS "examples", g.n AS "n",
    g.first_record AS "firstRecord", g.first_line AS "firstLine",
    CAST(SUM(g.n) OVER () AS BIGINT) AS "total",
    ${liveColumn("rejected")} AS "rejected", ${liveColumn("faults")} + ${liveColumn("unlisted")} AS "reported"
  FROM ${LIVE} LEFT JOIN error_group AS g ON g.batch_id = batch.id AND g.pass = batch.pass
  WHERE batch.id = :id ORDER BY CASE WHEN g.code IS NULL THEN 1 ELSE 0 END, g.n DESC, g.first_record`,
      ),
    ),
  ]);
  return { errorSummary: async (id) => summaryOf(await groups.rows({ id, most: SUMMARY_ROWS })) };
}
