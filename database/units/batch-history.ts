/** The history of batches: reads it, and provides the steps that write a history row in the unit of its move. */
import { KEPT_AT_ENDS, type MoveRow, type ToldMove } from "../../services/batch/batch.history.domain.ts";
import { storable } from "../rows.ts";
import { batchMove } from "../schema/tables.ts";
import type { BatchStore } from "../store.ts";
import { ofBatch } from "./batches.ts";
import { insert, remove, rowSet, type Step, selectFrom } from "./steps.ts";
import type { Params, Units } from "./unit.ts";

export function batchHistoryUnits(on: Units): Pick<BatchStore, "moves"> {
  const moves = on.unit({ id: "bigint" }, () => [
    selectFrom(
      batchMove,
      ["batchId", "n", "at", "fromState", "toState", "kind", "who", "code", "detail", "reason", "was"],
      "m",
      "FROM batch_move AS m WHERE m.batch_id = :id ORDER BY m.n",
    ),
  ]);
  return { moves: async (id) => ofBatch(id, await moves.rows({ id })) as MoveRow[] };
}

/** The parameters that a unit needs to write a history row. The unit must also have `:id`, the id of the batch. */
export const toldParams: Params = {
  toldFrom: "name",
  toldKind: "name",
  toldWho: "name",
  toldCode: "name",
  toldDetail: "text",
  toldReason: "text",
  toldWas: "text",
};

const textOf = (text: string | null) => (text === null ? null : storable(text));

export const toldValues = (told: ToldMove | undefined): Record<string, string | null> =>
  told
    ? {
        toldFrom: told.from,
        toldKind: told.kind,
        toldWho: told.who,
        toldCode: told.code,
        toldDetail: textOf(told.detail),
        toldReason: textOf(told.reason),
        toldWas: told.was && storable(JSON.stringify(told.was)),
      }
    : {};

const ENTERED = rowSet("entered", batchMove, ["n"]);
const LAST = "(SELECT max(m.n) FROM batch_move AS m WHERE m.batch_id = :id)";

/**
 * Writes a history row for the batch in `made`. Keeps only the first and the last rows, so that no history grows for
 * ever.
 */
export const toldSteps: Step[] = [
  insert(batchMove, {
    values: {
      batch_id: "made.id",
      // The move has locked the batch's row, so no other move can take the same number.
      n: `coalesce(${LAST}, 0) + 1`,
      at: ":now",
      from_state: ":toldFrom",
      to_state: "made.state",
      kind: ":toldKind",
      who: ":toldWho",
      code: ":toldCode",
      detail: ":toldDetail",
      reason: ":toldReason",
      was: ":toldWas",
    },
    from: "made",
    into: ENTERED,
  }),
  remove(batchMove, {
    where: `batch_id = :id AND n > ${KEPT_AT_ENDS} AND n <= (SELECT entered.n FROM entered) - ${KEPT_AT_ENDS}`,
  }),
];
