import { outbox } from "../schema/tables.ts";
import type { BatchStore } from "../store.ts";
import { remove, rowSet, take } from "./steps.ts";
import type { Units } from "./unit.ts";

export function outboxUnits(on: Units): Pick<BatchStore, "takeOutbox" | "deleteOutbox"> {
  // A row that was never taken is due `olderThanMs` after it was written, one that was taken when its retry time has passed.
  const taken = on.unit({ limit: "int", olderThanMs: "bigint", retryMs: "bigint" }, () => [
    take(outbox, {
      due: "due_at <= :now AND due_at <= :now - CASE WHEN attempts = 0 THEN :olderThanMs ELSE 0 END",
      order: "due_at, id",
      limit: ":limit",
      set: "due_at = :now + :retryMs, attempts = attempts + 1",
      into: rowSet("taken", outbox, ["id", "topic", "body", "attempts"]),
    }),
  ]);
  const gone = on.unit({ ids: "ids" }, ({ isIn }) => [remove(outbox, { where: isIn("id", ":ids") })]);
  return {
    takeOutbox: async (limit, olderThanMs, retryMs) =>
      (await taken.rows({ limit, olderThanMs, retryMs })).sort((a, b) => a.id - b.id),
    deleteOutbox: async (ids) => void (await gone.changed({ ids })),
  };
}
