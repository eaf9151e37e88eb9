/** What a worker does beside claims and commits, which are each dialect's own. */
import { batchChunk, batchWork } from "../schema/tables.ts";
import type { BatchStore } from "../store.ts";
import { ofBatch } from "./echo.ts";
import { lock, rowSet, select, selectFrom, update } from "./steps.ts";
import type { Units } from "./unit.ts";

export function workUnits(on: Units): Pick<BatchStore, "readChunk" | "extendLeases"> {
  const chunk = on.unit({ id: "bigint", no: "int" }, () => [
    selectFrom(
      batchChunk,
      ["batchId", "no", "firstRecord", "firstLine", "records", "codec", "oversized", "body"],
      "c",
      "FROM batch_chunk AS c WHERE c.batch_id = :id AND c.no = :no",
    ),
  ]);
  const extend = on.unit({ owner: "name", ids: "ids", leaseMs: "bigint" }, ({ isIn }) => [
    lock(batchWork, {
      where: `${isIn("batch_id", ":ids")} AND owner = :owner`,
      into: rowSet("locked", batchWork, ["batchId"]),
    }),
    update(batchWork, {
      set: "due_at = :now + :leaseMs",
      where: "batch_id IN (SELECT locked.batch_id FROM locked)",
      into: rowSet("extended", batchWork, ["batchId", "fence"]),
    }),
    select<{ id: number; fence: number }>('SELECT extended.batch_id AS "id", extended.fence AS "fence" FROM extended'),
  ]);
  return {
    readChunk: async (id, no) => {
      const [found] = ofBatch(id, await chunk.rows({ id, no }));
      return found ? { ...found, oversized: found.oversized ?? [] } : null;
    },
    extendLeases: (owner, ids, leaseMs) => extend.rows({ owner, ids, leaseMs }),
  };
}
