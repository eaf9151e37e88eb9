/** A worker's units that all dialects share: read a chunk, renew leases. Each dialect has its own claim and commit. */
import { batchChunk, batchWork } from "../schema/tables.ts";
import type { BatchStore } from "../store.ts";
import { ofBatch } from "./batches.ts";
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
  const extend = on.unit({ owner: "name", ids: "ids", leaseMs: "bigint" }, () => [
    lock(batchWork, {
      where: "owner = :owner",
      byKey: { column: "batch_id", of: ":ids" },
      into: rowSet("locked", batchWork, ["batchId"]),
    }),
    update(batchWork, {
      set: "due_at = :now + :leaseMs",
      byKey: { column: "batch_id", of: "locked" },
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
