/** Reserves the unique keys of records before the records go to a handler. Each dialect writes the keys of a commit itself. */
import { keyRange } from "../../formats/check/record-keys.ts";
import { notHeld } from "../rows.ts";
import { batchWork, endedScope, recordKey } from "../schema/tables.ts";
import type { BatchStore } from "../store.ts";
import { lock, remove, removeFirst, rowSet, type Select, select, upsert } from "./steps.ts";
import type { Units } from "./unit.ts";

export function keyUnits(on: Units): Pick<BatchStore, "reserveKeys" | "takenKeys" | "keptKeys"> {
  const reserve = on.unit({ id: "bigint", fence: "bigint", chunk: "int", keys: "texts" }, ({ keysIn, plannedAnew }) => [
    lock(batchWork, {
      where: "batch_id = :id AND fence = :fence AND next_chunk = :chunk",
      into: rowSet("mine", batchWork, ["batchId", "clientId"]),
    }),
    // In the order of the hashes, so that two batches with the same keys cannot deadlock.
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
    // Answers at least one row (with a NULL key) if fence and chunk matched. No row tells the caller that they did not.
    lost(`SELECT lost.key_hash AS "lost" FROM mine LEFT JOIN (
    SELECT given.key_hash FROM mine CROSS JOIN ${keysIn(":keys")} AS given
    WHERE given.key_hash NOT IN (SELECT taken.key_hash FROM taken) AND NOT EXISTS (SELECT 1 FROM record_key AS k
      WHERE k.client_id = mine.client_id AND k.key_hash = given.key_hash AND k.batch_id = :id AND k.chunk_no = :chunk)) AS lost
  ON 1 = 1${plannedAnew}`),
  ]);
  const among = (also: string) =>
    on.unit({ clientId: "bigint", keys: "texts" }, ({ keysIn, plannedAnew }) => [
      lost(`SELECT given.key_hash AS "lost" FROM ${keysIn(":keys")} AS given
  WHERE EXISTS (SELECT 1 FROM record_key AS k WHERE k.client_id = :clientId AND k.key_hash = given.key_hash${also})${plannedAnew}`),
    ]);
  const taken = among("");
  const kept = among(" AND k.expires_at IS NULL");
  return {
    keptKeys: async (clientId, keys) => {
      const rows = await kept.rows({ clientId, keys: [...new Set(keys)] });
      return rows.flatMap(({ lost }) => lost ?? []);
    },
    takenKeys: async (clientId, keys) => {
      const rows = await taken.rows({ clientId, keys: [...new Set(keys)] });
      return rows.flatMap(({ lost }) => lost ?? []);
    },
    reserveKeys: async (id, fence, chunk, keys) => {
      const rows = await reserve.rows({ id, fence, chunk, keys: [...new Set(keys)] });
      return rows.length === 0 ? null : rows.flatMap(({ lost }) => lost ?? []);
    },
  };
}

/** Deletes the unique keys of deleted datasets, for one client and dataset at a time. */
export function endedScopeUnits(on: Units): Pick<BatchStore, "forgetScopes"> {
  const ended = on.unit({}, ({ first }) => [
    select<{ clientId: number; scope: string }>(
      first(
        1,
        `e.client_id AS "clientId", e.scope AS "scope" FROM ended_scope AS e WHERE ${notHeld("e.client_id")} ORDER BY e.client_id, e.scope`,
      ),
    ),
  ]);
  const range = { clientId: "bigint", from: "key", to: "key" } as const;
  const where = "client_id = :clientId AND key_hash >= :from AND key_hash <= :to";
  const keys = on.unit({ ...range, limit: "int" }, () => [
    removeFirst(recordKey, { key: ["client_id", "key_hash"], where, order: "key_hash", limit: ":limit" }),
  ]);
  // Checks again that no key is left, because another node may be deleting keys that this node's last piece skipped.
  const end = on.unit({ ...range, scope: "name" }, () => [
    remove(endedScope, {
      where: `client_id = :clientId AND scope = :scope AND NOT EXISTS (SELECT 1 FROM record_key AS k
    WHERE k.client_id = :clientId AND k.key_hash >= :from AND k.key_hash <= :to)`,
    }),
  ]);
  return {
    async forgetScopes(limit) {
      const found = await ended.row({});
      if (!found) return true;
      const { clientId, scope } = found;
      const of = { clientId, ...keyRange(scope) };
      if ((await keys.changed({ ...of, limit })) === 0) await end.changed({ ...of, scope });
      return false;
    },
  };
}

/** A SELECT whose column `lost` is read as hexadecimal digits. */
const lost = (text: string): Select & { row?: { lost: string | null } } => ({
  do: "select",
  text,
  read: [{ name: "lost", as: "hex" }],
});
