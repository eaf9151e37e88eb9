/** Deletes in pieces, because deleting a batch of millions of rows at once would block the commits of others for seconds. */
import { LRUCache } from "lru-cache";
import type { Removal, Removed, StaleErrors } from "../../services/batch/batch.reads.domain.ts";
import { PASS, removable } from "../rows.ts";
import { columnOf, type Table } from "../schema/table.ts";
import {
  batch,
  batchAttempt,
  batchChunk,
  batchWork,
  contentKey,
  delivery,
  deliveryAttempt,
  duplicateCount,
  errorGroup,
  record,
  recordError,
  staleErrors,
} from "../schema/tables.ts";
import type { BatchStore } from "../store.ts";
import { DUE, type DueShape, dueShape, dueValue } from "./outcome.ts";
import { gather, type Lock, lock, remove, rowSet, select, update } from "./steps.ts";
import { type Params, shapes, type Units } from "./unit.ts";

type Removals = Pick<BatchStore, "purgeChunks" | "deleteBatch" | "staleErrors" | "deleteStaleErrors">;

export function removalUnits(on: Units): Removals {
  const { chunks, rest, isLeft } = ofBatch(on);
  const purged = shapes((due: DueShape) =>
    on.unit({ id: "bigint", due: "bigint" }, () => [
      update(batch, {
        set: `chunks = 0, due_at = ${DUE[due]}`,
        where: `id = :id AND chunks > 0 AND ${removable("batch", ":now")}`,
      }),
    ]),
  );
  const last = deleting(on);
  const untaken = async (id: number): Promise<Removal> => ((await isLeft.row({ id })) ? "busy" : "done");
  return {
    purgeChunks: async (id, limit, due, removed) => {
      const gone = await chunks.next({ id }, limit);
      if (gone === null) return untaken(id);
      removed?.("batch_chunk", gone);
      if (await chunks.hasMore({ id })) return "more";
      await purged(dueShape(due)).changed({ id, due: dueValue(due) });
      return "done";
    },
    deleteBatch: async (id, limit, removed) => {
      let left = limit;
      for (const pieces of [chunks, ...rest]) {
        const gone = await pieces.next({ id }, left);
        if (gone === null) return untaken(id);
        removed?.(pieces.table, gone);
        left -= gone;
        if (left <= 0 || (await pieces.hasMore({ id }))) return "more";
      }
      const deleted = await last.changed({ id });
      removed?.("batch", deleted);
      return "done";
    },
    ...stale(on),
  };
}

/** Rows of a batch that may be deleted. */
function ofBatch(on: Units) {
  const pieces = (table: Table, key: string[]) =>
    new Pieces(on, {
      table,
      key,
      of: { id: "bigint" },
      taken: lock(batch, {
        where: `id = :id AND ${removable("batch", ":now")}`,
        into: rowSet("taken", batch, ["id"]),
        skipLocked: true,
      }),
      rows: "batch_id = :id",
    });
  return {
    chunks: pieces(batchChunk, ["no"]),
    rest: [pieces(recordError, ["seq", "n"]), pieces(record, ["seq"])],
    isLeft: on.unit({ id: "bigint" }, () => [
      select(`SELECT b.id AS "id" FROM batch AS b WHERE b.id = :id AND ${removable("b", ":now")}`),
    ]),
  };
}

/** Deletes the batch itself after its rows. Deliveries are deleted before their attempts, because adding an attempt locks the delivery. */
const deleting = (on: Units) =>
  on.unit({ id: "bigint" }, () => [
    remove(batch, {
      where: `id = :id AND ${removable("batch", ":now")}`,
      into: rowSet("gone", batch, ["id", "clientId", "contentHash", "dedupHash"]),
    }),
    remove(batchWork, { where: "batch_id = :id AND EXISTS (SELECT 1 FROM gone)" }),
    remove(contentKey, {
      where: `client_id = (SELECT gone.client_id FROM gone) AND hash = (SELECT coalesce(gone.dedup_hash, gone.content_hash) FROM gone) AND batch_id = :id`,
    }),
    remove(delivery, {
      where: "batch_id = :id AND EXISTS (SELECT 1 FROM gone)",
      into: rowSet("untold", delivery, ["id"]),
    }),
    remove(deliveryAttempt, { where: "delivery_id IN (SELECT untold.id FROM untold)" }),
    remove(batchAttempt, { where: "batch_id = :id AND EXISTS (SELECT 1 FROM gone)" }),
    remove(errorGroup, { where: "batch_id = :id AND EXISTS (SELECT 1 FROM gone)" }),
    remove(duplicateCount, { where: "batch_id = :id AND EXISTS (SELECT 1 FROM gone)" }),
    remove(duplicateCount, { where: "by_id = :id AND EXISTS (SELECT 1 FROM gone)" }),
  ]);

/** Deletes the errors of earlier passes. Readers do not see them since the batch has started over. */
function stale(on: Units): Pick<BatchStore, "staleErrors" | "deleteStaleErrors"> {
  const mine = "batch_id = :id AND pass = :pass";
  const of = { id: "bigint", pass: "int" } as const;
  const oldest = on.unit({ limit: "int" }, ({ first }) => [
    select<StaleErrors>(first(":limit", `batch_id AS "batchId", pass AS "pass" FROM stale_errors ORDER BY since`)),
  ]);
  const isThere = on.unit(of, () => [select(`SELECT pass AS "pass" FROM stale_errors WHERE ${mine}`)]);
  const done = on.unit(of, () => [
    remove(staleErrors, { where: mine, into: rowSet("stale", staleErrors, ["batchId"]) }),
    remove(errorGroup, { where: `${mine} AND EXISTS (SELECT 1 FROM stale)` }),
  ]);
  const errors = new Pieces(on, {
    table: recordError,
    key: ["seq", "n"],
    of: { ...of, first: "bigint", end: "bigint" },
    taken: lock(staleErrors, { where: mine, into: rowSet("taken", staleErrors, ["batchId"]), skipLocked: true }),
    rows: "batch_id = :id AND seq >= :first AND seq < :end",
  });
  return {
    staleErrors: (limit) => oldest.rows({ limit }),
    deleteStaleErrors: async ({ batchId: id, pass }, limit, removed) => {
      const these = { id, pass, first: pass * PASS, end: (pass + 1) * PASS };
      const gone = await errors.next(these, limit);
      if (gone === null) return (await isThere.row({ id, pass })) ? "busy" : "done";
      removed?.(errors.table, gone);
      if (await errors.hasMore(these)) return "more";
      await done.changed({ id, pass });
      return "done";
    },
  };
}

interface Piece {
  table: Table;
  /** The columns that order the rows. They follow the columns of `rows` in the primary key. */
  key: string[];
  /** The parameters of `rows` and `taken`. */
  of: Params;
  /** Locks the row that a node must hold to delete a piece. No row: another node deletes here now, or nobody may delete. */
  taken: Lock;
  /** The condition of the rows to delete. */
  rows: string;
}

/** How many positions are remembered. Forgetting one costs only time. */
const MOST_REACHED = 1_000;

/** Deletes rows of a table piece by piece. */
class Pieces {
  readonly table: Parameters<Removed>[0];
  /**
   * How far this node has deleted. Deleted rows stay in the index for a while. Without this position each piece would read over
   * all of them again.
   */
  readonly #reached = new LRUCache<string, number>({ max: MOST_REACHED });
  readonly #piece;
  readonly #looking;

  constructor(on: Units, { table, key, of, taken, rows }: Piece) {
    this.table = table.name as Parameters<Removed>[0];
    const columns = key.map((name) => columnOf(table, name).column);
    const [first = "", second] = columns;
    const list = columns.join(", ");
    const left = `${rows} AND ${first} >= :from`;
    const last = rowSet("last", table, key);
    const andSecond = second ? ` AND (${first} < :last_${first} OR ${second} <= :last_${second})` : "";
    // Deletes up to a last key instead of a list of keys, so that the rows are read along the index.
    const from = columnOf(table, key[0] as string).kind;
    this.#piece = on.unit({ ...of, from, limit: "int" } as Params, ({ first: top, mostDeleted }) => [
      taken,
      gather(table, {
        select: top(
          1,
          `${columns.map((column) => `piece.${column}`).join(", ")}
    FROM (${top(mostDeleted(":limit"), `${list} FROM ${table.name} WHERE ${left} AND EXISTS (SELECT 1 FROM taken) ORDER BY ${list}`)}) AS piece
    ORDER BY ${columns.map((column) => `piece.${column} DESC`).join(", ")}`,
        ),
        into: last,
        isOne: true,
      }),
      remove(table, { where: `${left} AND ${first} <= :last_${first}${andSecond}`, countAs: "gone" }),
      select<{ gone: number; last: number | null }>(`SELECT :gone AS "gone", :last_${first} AS "last" FROM taken`),
    ]);
    this.#looking = on.unit({ ...of, from } as Params, ({ first: top }) => [
      select(top(1, `${first} AS "first" FROM ${table.name} WHERE ${left} ORDER BY ${list}`)),
    ]);
  }

  /** Deletes at most `limit` rows, and answers how many. Null: `taken` found no row. */
  async next(of: Record<string, number>, limit: number): Promise<number | null> {
    const name = Object.values(of).join();
    const row = await this.#piece.row({ ...of, from: this.#reached.get(name) ?? 0, limit });
    if (!row) return null;
    if (row.last !== null) this.#reached.set(name, row.last);
    return row.gone;
  }

  /**
   * Whether rows are left. A piece that deleted fewer rows than its limit does not tell, because its snapshot may be older than
   * another node's last piece. So before it says no, this looks at all rows again from the first one.
   */
  async hasMore(of: Record<string, number>): Promise<boolean> {
    const name = Object.values(of).join();
    const from = this.#reached.get(name) ?? 0;
    if (await this.#looking.row({ ...of, from })) return true;
    this.#reached.delete(name);
    return from > 0 && (await this.#looking.row({ ...of, from: 0 })) !== undefined;
  }
}
