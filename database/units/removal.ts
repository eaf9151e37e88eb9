/** Deleting in pieces: a batch of millions of rows must not hold up the others' commits for seconds. */
import { LRUCache } from "lru-cache";
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
  record,
  recordError,
  staleErrors,
} from "../schema/tables.ts";
import type { BatchStore, Removal, StaleErrors } from "../store.ts";
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
    purgeChunks: async (id, limit, due) => {
      if ((await chunks.next({ id }, limit)) === null) return untaken(id);
      if (await chunks.hasMore({ id })) return "more";
      await purged(dueShape(due)).changed({ id, due: dueValue(due) });
      return "done";
    },
    deleteBatch: async (id, limit) => {
      let left = limit;
      for (const pieces of [chunks, ...rest]) {
        const gone = await pieces.next({ id }, left);
        if (gone === null) return untaken(id);
        left -= gone;
        if (left <= 0 || (await pieces.hasMore({ id }))) return "more";
      }
      await last.changed({ id });
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
        passingBy: true,
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

/** The batch itself, once its rows are gone. Deliveries go before their attempts: whoever adds one holds its delivery. */
const deleting = (on: Units) =>
  on.unit({ id: "bigint" }, () => [
    remove(batch, {
      where: `id = :id AND ${removable("batch", ":now")}`,
      into: rowSet("gone", batch, ["id", "clientId", "contentHash"]),
    }),
    remove(batchWork, { where: "batch_id = :id AND EXISTS (SELECT 1 FROM gone)" }),
    remove(contentKey, {
      where: `client_id = (SELECT gone.client_id FROM gone) AND hash = (SELECT gone.content_hash FROM gone) AND batch_id = :id`,
    }),
    remove(delivery, {
      where: "batch_id = :id AND EXISTS (SELECT 1 FROM gone)",
      into: rowSet("untold", delivery, ["id"]),
    }),
    remove(deliveryAttempt, { where: "delivery_id IN (SELECT untold.id FROM untold)" }),
    remove(batchAttempt, { where: "batch_id = :id AND EXISTS (SELECT 1 FROM gone)" }),
  ]);

/** Errors of earlier passes over a batch: out of sight since it was driven again. */
function stale(on: Units): Pick<BatchStore, "staleErrors" | "deleteStaleErrors"> {
  const mine = "batch_id = :id AND pass = :pass";
  const of = { id: "bigint", pass: "int" } as const;
  const oldest = on.unit({ limit: "int" }, ({ first }) => [
    select<StaleErrors>(first(":limit", `batch_id AS "batchId", pass AS "pass" FROM stale_errors ORDER BY since`)),
  ]);
  const isThere = on.unit(of, () => [select(`SELECT pass AS "pass" FROM stale_errors WHERE ${mine}`)]);
  const done = on.unit(of, () => [remove(staleErrors, { where: mine })]);
  const errors = new Pieces(on, {
    table: recordError,
    key: ["seq", "n"],
    of: { ...of, first: "bigint", end: "bigint" },
    taken: lock(staleErrors, { where: mine, into: rowSet("taken", staleErrors, ["batchId"]), passingBy: true }),
    rows: "batch_id = :id AND seq >= :first AND seq < :end",
  });
  return {
    staleErrors: (limit) => oldest.rows({ limit }),
    deleteStaleErrors: async ({ batchId: id, pass }, limit) => {
      const these = { id, pass, first: pass * PASS, end: (pass + 1) * PASS };
      if ((await errors.next(these, limit)) === null) return (await isThere.row({ id, pass })) ? "busy" : "done";
      if (await errors.hasMore(these)) return "more";
      await done.changed({ id, pass });
      return "done";
    },
  };
}

interface Piece {
  table: Table;
  /** How its rows are in order, beside what `rows` says. */
  key: string[];
  /** What `rows` and `taken` ask for. */
  of: Params;
  /** Locks a row for the piece. None: another node deletes there right now, or nobody may. */
  taken: Lock;
  rows: string;
}

/** So many places are remembered; one that is forgotten only costs time. */
const MOST_REACHED = 1_000;

/** Rows of a table that go piece by piece. */
class Pieces {
  /** The number up to which this node has deleted: deleted rows stay in the index for a while, and each piece would walk over all of them again. */
  readonly #reached = new LRUCache<string, number>({ max: MOST_REACHED });
  readonly #piece;
  readonly #looking;

  constructor(on: Units, { table, key, of, taken, rows }: Piece) {
    const columns = key.map((name) => columnOf(table, name).column);
    const [first = "", second] = columns;
    const list = columns.join(", ");
    const left = `${rows} AND ${first} >= :from`;
    const last = rowSet("last", table, key as never[]);
    const lastOf = (column: string) => `(SELECT last.${column} FROM last)`;
    const andSecond = second ? ` AND (${first} < ${lastOf(first)} OR ${second} <= ${lastOf(second)})` : "";
    // Up to a last key and not by a list of keys: so the rows are read along the index.
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
      }),
      remove(table, { where: `${left} AND ${first} <= ${lastOf(first)}${andSecond}`, countAs: "gone" }),
      select<{ gone: number; last: number | null }>(`SELECT :gone AS "gone", ${lastOf(first)} AS "last" FROM taken`),
    ]);
    this.#looking = on.unit({ ...of, from } as Params, ({ first: top }) => [
      select(top(1, `${first} AS "first" FROM ${table.name} WHERE ${left} ORDER BY ${list}`)),
    ]);
  }

  /** Deletes at most `limit` rows, and answers how many. Null: nothing was taken. */
  async next(of: Record<string, number>, limit: number): Promise<number | null> {
    const name = Object.values(of).join();
    const row = await this.#piece.row({ ...of, from: this.#reached.get(name) ?? 0, limit });
    if (!row) return null;
    if (row.last !== null) this.#reached.set(name, row.last);
    return row.gone;
  }

  /**
   * Fewer rows than a piece say nothing: what a piece saw may be older than another node's last piece. Before the end all rows
   * are looked at once more, from the first one on.
   */
  async hasMore(of: Record<string, number>): Promise<boolean> {
    const name = Object.values(of).join();
    const from = this.#reached.get(name) ?? 0;
    if (await this.#looking.row({ ...of, from })) return true;
    this.#reached.delete(name);
    return from > 0 && (await this.#looking.row({ ...of, from: 0 })) !== undefined;
  }
}
