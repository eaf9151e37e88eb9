/** Undoes an `undoing` batch in pieces: deletes its rows of the table `record`, and its marks on corrected records. */
import { notHeld } from "../rows.ts";
import { batch, record, recordKey } from "../schema/tables.ts";
import type { BatchStore } from "../store.ts";
import { gather, lock, remove, rowSet, type Select, select, update } from "./steps.ts";
import type { Units } from "./unit.ts";

export function undoUnits(on: Units): Pick<BatchStore, "undoRecords" | "undoMarks" | "duplicatesOf"> {
  const piece = on.unit({ id: "bigint", upTo: "bigint", keys: "texts" }, ({ isKeyIn }) => [
    lock(batch, {
      where: `id = :id AND state = 'undoing' AND ${notHeld("batch.client_id")}`,
      into: rowSet("taken", batch, ["id", "clientId"]),
      skipLocked: true,
    }),
    // Compares the batch, because another batch may have taken a key that had expired.
    remove(recordKey, {
      where: `client_id = (SELECT taken.client_id FROM taken) AND batch_id = :id
    AND ${isKeyIn(":keys")}`,
    }),
    remove(record, { where: "batch_id = :id AND seq <= :upTo AND EXISTS (SELECT 1 FROM taken)" }),
    select<{ id: number }>(`SELECT taken.id AS "id" FROM taken`),
  ]);
  const marks = on.unit({ id: "bigint", first: "bigint", after: "key", to: "key", limit: "int" }, ({ first: top }) => {
    const keys = "client_id = (SELECT taken.client_id FROM taken) AND key_hash > :after AND key_hash <=";
    return [
      lock(batch, {
        where: `id = :id AND state = 'undoing' AND ${notHeld("batch.client_id")}`,
        into: rowSet("taken", batch, ["id", "clientId"]),
        skipLocked: true,
      }),
      // Locks the first batch before any key. Commits of corrections lock in the same order, so no deadlock is
      // possible.
      lock(batch, { where: "id = :first", into: rowSet("root", batch, ["id"]) }),
      // Finds the last key of this piece, among the keys of all corrections. So a piece reads at most `:limit` keys.
      gather(recordKey, {
        select: top(
          1,
          `piece.key_hash FROM (${top(":limit", `key_hash FROM record_key WHERE ${keys} :to ORDER BY key_hash`)}) AS piece
    ORDER BY piece.key_hash DESC`,
        ),
        into: rowSet("last", recordKey, ["keyHash"]),
        isOne: true,
      }),
      // Leaves keys that are only reserved, because `corrected` does not count them.
      remove(recordKey, {
        where: `${keys} :last_key_hash AND batch_id = :id AND expires_at IS NULL`,
        countAs: "gone",
      }),
      update(batch, {
        set: "corrected = nullif(corrected - :gone, 0), version = version + 1",
        where: "id IN (SELECT root.id FROM root) AND :gone > 0",
      }),
      lastKey,
    ];
  });
  const duplicates = on.unit({ id: "bigint" }, () => [
    select<{ n: number }>(`SELECT coalesce(sum(d.n), 0) AS "n" FROM duplicate_count AS d WHERE d.batch_id = :id`),
  ]);
  return {
    duplicatesOf: async (id) => Number((await duplicates.row({ id }))?.n ?? 0),
    undoMarks: async (id, first, { after, to }, limit) => marks.row({ id, first, after, to, limit }),
    undoRecords: async (id, upTo, keys) => (await piece.row({ id, upTo, keys })) !== undefined,
  };
}

const lastKey: Select & { row?: { last: string | null } } = {
  do: "select",
  text: `SELECT :last_key_hash AS "last" FROM taken`,
  read: [{ name: "last", as: "hex" }],
};
