/** Deletes what a batch has delivered to the table `record`, in pieces, while the batch is `undoing`. */
import { batch, record, recordKey } from "../schema/tables.ts";
import type { BatchStore } from "../store.ts";
import { lock, remove, rowSet, select } from "./steps.ts";
import type { Units } from "./unit.ts";

export function undoUnits(on: Units): Pick<BatchStore, "undoRecords"> {
  const piece = on.unit({ id: "bigint", upTo: "bigint", keys: "texts" }, ({ keysIn }) => [
    lock(batch, {
      where: "id = :id AND state = 'undoing'",
      into: rowSet("taken", batch, ["id", "clientId"]),
      skipLocked: true,
    }),
    // A key that has expired may be another batch's by now.
    remove(recordKey, {
      where: `client_id = (SELECT taken.client_id FROM taken) AND batch_id = :id
    AND key_hash IN (SELECT given.key_hash FROM ${keysIn(":keys")} AS given)`,
    }),
    remove(record, { where: "batch_id = :id AND seq <= :upTo AND EXISTS (SELECT 1 FROM taken)" }),
    select<{ id: number }>(`SELECT taken.id AS "id" FROM taken`),
  ]);
  return {
    undoRecords: async (id, upTo, keys) => (await piece.row({ id, upTo, keys })) !== undefined,
  };
}
