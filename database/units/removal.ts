/** Deletes batches in pieces. Deleting millions of rows at once would block other commits for seconds. */
import type { Removal, StaleErrors } from "../../services/batch/batch.reads.domain.ts";
import { notHeld, PASS, removable, resting } from "../rows.ts";
import type { Table } from "../schema/table.ts";
import {
  batch,
  batchAttempt,
  batchChunk,
  batchMove,
  batchWork,
  contentKey,
  delivery,
  deliveryAttempt,
  duplicateCount,
  erasure,
  errorGroup,
  record,
  recordError,
  staleErrors,
} from "../schema/tables.ts";
import type { BatchStore } from "../store.ts";
import { DUE, type DueShape, dueShape, dueValue } from "./outcome.ts";
import { Pieces } from "./pieces.ts";
import { lock, remove, rowSet, type Step, select, update } from "./steps.ts";
import { shapes, type Units } from "./unit.ts";

type Removals = Pick<
  BatchStore,
  "purgeChunks" | "deleteBatch" | "eraseBatch" | "staleErrors" | "deleteStaleErrors" | "heldClients" | "deferHeld"
>;

export function removalUnits(on: Units): Removals {
  const { chunks, rest, isLeft } = ofBatch(on, OVER);
  const erased = ofBatch(on, ERASED);
  const purged = shapes((due: DueShape) =>
    on.unit({ id: "bigint", due: "bigint" }, () => [
      update(batch, {
        set: `chunks = 0, due_at = ${DUE[due]}`,
        where: `id = :id AND chunks > 0 AND ${removable("batch", ":now")}`,
      }),
    ]),
  );
  const last = deleting(on, OVER);
  const lastErased = deleting(on, ERASED);
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
    eraseBatch: async (id, by, limit, removed) => {
      const of = { id, erasure: by };
      let left = limit;
      for (const pieces of [erased.chunks, ...erased.rest]) {
        const gone = await pieces.next(of, left);
        if (gone === null) return (await erased.isLeft.row({ id })) ? "busy" : "done";
        removed?.(pieces.table, gone);
        left -= gone;
        if (left <= 0 || (await pieces.hasMore(of))) return "more";
      }
      removed?.("batch", await lastErased.changed(of));
      return "done";
    },
    ...stale(on),
    ...holds(on),
  };
}

/**
 * A reason to delete batches, with its condition and its counts: an expired retention (OVER) or an erasure (ERASED).
 */
interface Cause {
  params: { id: "bigint" } | { id: "bigint"; erasure: "bigint" };
  /** The condition that a row of `batch` (alias `of`) may be deleted. */
  may: (of: string) => string;
  /** The step that adds to the counts if the row set `taken` has a row. */
  counted: (sums: string, taken: string) => Step[];
}

const OVER: Cause = {
  params: { id: "bigint" },
  may: (of) => removable(of, ":now"),
  counted: () => [],
};

/**
 * An operator ordered the deletion, so it does not wait for the retention. The same unit deletes rows and counts them.
 */
const ERASED: Cause = {
  params: { id: "bigint", erasure: "bigint" },
  may: (of) => `${resting(of)} AND ${notHeld(`${of}.client_id`)}`,
  counted: (sums, taken) => [
    update(erasure, { set: sums, where: `id = :erasure AND EXISTS (SELECT 1 FROM ${taken})` }),
  ],
};

/** The pieces that delete a batch's chunks, errors and records. */
function ofBatch(on: Units, { params, may, counted }: Cause) {
  const pieces = (table: Table, key: string[], sums: string | null) =>
    new Pieces(on, {
      table,
      key,
      of: params,
      taken: lock(batch, {
        where: `id = :id AND ${may("batch")}`,
        into: rowSet("taken", batch, ["id"]),
        skipLocked: true,
      }),
      rows: "batch_id = :id",
      also: sums === null ? [] : counted(sums, "taken"),
    });
  return {
    chunks: pieces(batchChunk, ["no"], null),
    rest: [
      pieces(recordError, ["seq", "n"], "errors = errors + :gone"),
      pieces(record, ["seq"], "records = records + :gone"),
    ],
    isLeft: on.unit({ id: "bigint" }, () => [
      select(`SELECT b.id AS "id" FROM batch AS b WHERE b.id = :id AND ${may("b")}`),
    ]),
  };
}

/** Deletes the batch itself after its rows. Deliveries are deleted before their attempts, because adding an attempt locks the delivery. */
const deleting = (on: Units, { params, may, counted }: Cause) =>
  on.unit(params, () => [
    remove(batch, {
      where: `id = :id AND ${may("batch")}`,
      into: rowSet("gone", batch, ["id", "clientId", "contentHash", "dedupHash", "chunks"]),
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
    remove(batchMove, { where: "batch_id = :id AND EXISTS (SELECT 1 FROM gone)" }),
    remove(errorGroup, { where: "batch_id = :id AND EXISTS (SELECT 1 FROM gone)" }),
    remove(duplicateCount, { where: "batch_id = :id AND EXISTS (SELECT 1 FROM gone)" }),
    remove(duplicateCount, { where: "by_id = :id AND EXISTS (SELECT 1 FROM gone)" }),
    ...counted(
      `batches = batches + 1, deliveries = deliveries + (SELECT COUNT(*) FROM untold),
    bodies = bodies + (SELECT CASE WHEN gone.chunks > 0 THEN 1 ELSE 0 END FROM gone)`,
      "gone",
    ),
  ]);

/** Deletes the errors of earlier passes. Readers have not seen them since the batch started over. */
function stale(on: Units): Pick<BatchStore, "staleErrors" | "deleteStaleErrors"> {
  const mine = "batch_id = :id AND pass = :pass";
  const of = { id: "bigint", pass: "int" } as const;
  const oldest = on.unit({ limit: "int" }, ({ first }) => [
    select<StaleErrors>(
      first(
        ":limit",
        `s.batch_id AS "batchId", s.pass AS "pass", b.public_id AS "publicId", b.request_id AS "requestId"
  FROM stale_errors AS s LEFT JOIN batch AS b ON b.id = s.batch_id
  WHERE ${notHeld("b.client_id")} ORDER BY s.since`,
      ),
    ),
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

/** Finds clients under a legal hold, and defers the deletion of their batches. */
function holds(on: Units): Pick<BatchStore, "heldClients" | "deferHeld"> {
  const held = on.unit({ ids: "ids" }, ({ isIn }) => [
    select<{ id: number }>(`SELECT c.id AS "id" FROM client AS c WHERE c.legal_hold = 1 AND ${isIn("c.id", ":ids")}`),
  ]);
  const defer = on.unit({ ids: "ids", ms: "bigint" }, () => [
    update(batch, {
      set: "due_at = :now + :ms",
      byKey: { column: "id", of: ":ids" },
      where: `batch.due_at <= :now AND ${resting("batch")} AND NOT ${notHeld("batch.client_id")}`,
    }),
  ]);
  return {
    heldClients: async (ids) => (ids.length === 0 ? [] : (await held.rows({ ids })).map(({ id }) => id)),
    deferHeld: async (ids, ms) => void (await defer.changed({ ids, ms })),
  };
}
