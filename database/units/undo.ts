/** Deletes what a batch has delivered to the table `record`, and what it has marked as corrected, in pieces, while it is `undoing`. */
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
    // A key that has expired may be another batch's by now.
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
      // Before any key, as the commit of another correction does.
      lock(batch, { where: "id = :first", into: rowSet("root", batch, ["id"]) }),
      // The next keys of all corrections, so that a piece reads no more than it may delete.
      gather(recordKey, {
        select: top(
          1,
          `piece.key_hash FROM (${top(":limit", `key_hash FROM record_key WHERE ${keys} :to ORDER BY key_hash`)}) AS piece
    ORDER BY piece.key_hash DESC`,
        ),
        into: rowSet("last", recordKey, ["keyHash"]),
        isOne: true,
      }),
      // A key that is only reserved is not counted.
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
