/** The unique keys of records, reserved before the records leave for a handler. How a commit writes them is each dialect's own. */
import { batchWork, recordKey } from "../schema/tables.ts";
import type { BatchStore } from "../store.ts";
import { lock, rowSet, type Select, upsert } from "./steps.ts";
import type { Units } from "./unit.ts";

export function keyUnits(on: Units): Pick<BatchStore, "reserveKeys"> {
  const reserve = on.unit({ id: "bigint", fence: "bigint", chunk: "int", keys: "texts" }, ({ keysIn, plannedAnew }) => [
    lock(batchWork, {
      where: "batch_id = :id AND fence = :fence AND next_chunk = :chunk",
      into: rowSet("mine", batchWork, ["batchId", "clientId"]),
    }),
    // In the order of their hashes, so that two batches with the same ones wait for each other one way only.
    upsert(recordKey, {
      key: ["client_id", "key_hash"],
      values: {
        client_id: "mine.client_id",
        key_hash: "given.key_hash",
        batch_id: "mine.batch_id",
        chunk_no: ":chunk",
        expires_at: ":now",
      },
      from: `mine CROSS JOIN ${keysIn(":keys")} AS given`,
      order: "key_hash",
      update: [],
      into: rowSet("taken", recordKey, ["keyHash"]),
    }),
    // Always a row where the batch was ours, if only one without a key.
    lost(`SELECT lost.key_hash AS "lost" FROM mine LEFT JOIN (
    SELECT given.key_hash FROM mine CROSS JOIN ${keysIn(":keys")} AS given
    WHERE given.key_hash NOT IN (SELECT taken.key_hash FROM taken) AND NOT EXISTS (SELECT 1 FROM record_key AS k
      WHERE k.client_id = mine.client_id AND k.key_hash = given.key_hash AND k.batch_id = :id AND k.chunk_no = :chunk)) AS lost
  ON 1 = 1${plannedAnew}`),
  ]);
  return {
    reserveKeys: async (id, fence, chunk, keys) => {
      const rows = await reserve.rows({ id, fence, chunk, keys: [...new Set(keys)] });
      return rows.length === 0 ? null : rows.flatMap(({ lost }) => lost ?? []);
    },
  };
}

/** Bytes that are told as their digits. */
const lost = (text: string): Select & { row?: { lost: string | null } } => ({
  do: "select",
  text,
  read: [{ name: "lost", as: "hex" }],
});
