/** Deletes what an erasure has found in a batch. Each unit counts what it deletes, and moves the erasure on. */
import type { ErasedBatch, GroupTexts } from "../../services/retention/retention.domain.ts";
import { notHeld, PASS, resting } from "../rows.ts";
import type { Table } from "../schema/table.ts";
import {
  batch,
  batchChunk,
  clientKeyUse,
  clientQueue,
  clientUsage,
  contentKey,
  datasetGrant,
  datasetPin,
  delivery,
  deliveryAttempt,
  documentVersion,
  endedScope,
  erasure,
  errorGroup,
  idempotencyKey,
  orderLane,
  orderPlace,
  policy,
  record,
  recordError,
  recordKey,
  statHour,
  statMinute,
  webhookSecret,
} from "../schema/tables.ts";
import type { ErasureStore } from "../store.erasure.ts";
import { Pieces } from "./pieces.ts";
import { lock, remove, removeFirst, rowSet, type Step, select, update } from "./steps.ts";
import type { Params, Units } from "./unit.ts";

const AT = { erasure: "bigint", version: "bigint", id: "bigint" } as const;

/** Locks the batch if nobody works at it, and the erasure if it has not moved on since the caller read it. */
const held: Step[] = [
  lock(batch, {
    where: `id = :id AND ${resting("batch")} AND ${notHeld("batch.client_id")}`,
    into: rowSet("rested", batch, ["id"]),
  }),
  lock(erasure, {
    where: "id = :erasure AND version = :version AND EXISTS (SELECT 1 FROM rested)",
    into: rowSet("taken", erasure, ["id"]),
  }),
];
const movedOn = (set: string): Step =>
  update(erasure, { set: `version = version + 1, ${set}`, where: "id = (SELECT taken.id FROM taken)" });
const isTaken = select<{ id: number }>('SELECT taken.id AS "id" FROM taken');

type Erasing = Pick<
  ErasureStore,
  | "eraseRecords"
  | "eraseErrors"
  | "eraseExamples"
  | "emptyBody"
  | "eraseChunks"
  | "eraseDeliveries"
  | "erasedBatch"
  | "lastBatch"
  | "heldWith"
  | "groupTexts"
  | "deliveryBodies"
  | "eraseClientRows"
  | "clientBatches"
>;

export function erasureUnits(on: Units): Erasing {
  const records = on.unit({ ...AT, seqs: "ids", upTo: "bigint", touched: "int" }, ({ isIn, greatest }) => [
    ...held,
    remove(record, {
      where: `batch_id = :id AND ${isIn("seq", ":seqs")} AND EXISTS (SELECT 1 FROM taken)`,
      countAs: "gone",
    }),
    movedOn(`records = records + :gone, seq = :upTo, touched = ${greatest("touched", ":touched")}`),
    isTaken,
  ]);
  const errors = on.unit({ ...AT, seqs: "ids", upTo: "bigint", touched: "int" }, ({ isIn, greatest }) => [
    ...held,
    remove(recordError, {
      where: `batch_id = :id AND ${isIn("seq", ":seqs")} AND EXISTS (SELECT 1 FROM taken)`,
      countAs: "gone",
    }),
    movedOn(`errors = errors + :gone, seq = :upTo, touched = ${greatest("touched", ":touched")}`),
    isTaken,
  ]);
  const group = { ...AT, pass: "int", name: "name", examples: "text", message: "text", n: "int" } as const;
  const examples = on.unit(group, () => [
    ...held,
    update(errorGroup, {
      set: "examples = :examples, message = :message",
      where: "batch_id = :id AND pass = :pass AND name = :name AND EXISTS (SELECT 1 FROM taken)",
    }),
    movedOn("examples = examples + :n, touched = 1"),
    isTaken,
  ]);
  const emptied = on.unit(AT, () => [
    ...held,
    update(batch, {
      set: "chunks = 0",
      where: "id = :id AND chunks > 0 AND EXISTS (SELECT 1 FROM taken)",
      into: rowSet("emptied", batch, ["id"]),
    }),
    movedOn("touched = 1, bodies = bodies + (SELECT COUNT(*) FROM emptied)"),
    isTaken,
  ]);
  const chunks = new Pieces(on, {
    table: batchChunk,
    key: ["no"],
    of: { id: "bigint" },
    taken: lock(batch, {
      where: `id = :id AND chunks = 0 AND ${resting("batch")} AND ${notHeld("batch.client_id")}`,
      into: rowSet("taken", batch, ["id"]),
      skipLocked: true,
    }),
    rows: "batch_id = :id",
  });
  const deliveries = on.unit({ ...AT, ids: "ids" }, ({ isIn }) => [
    ...held,
    remove(delivery, {
      where: `batch_id = :id AND ${isIn("id", ":ids")} AND EXISTS (SELECT 1 FROM taken)`,
      into: rowSet("untold", delivery, ["id"]),
    }),
    remove(deliveryAttempt, { where: "delivery_id IN (SELECT untold.id FROM untold)" }),
    movedOn("touched = 1, deliveries = deliveries + (SELECT COUNT(*) FROM untold)"),
    isTaken,
  ]);
  const isDone = async (unit: Promise<{ id: number } | undefined>) => (await unit) !== undefined;
  return {
    eraseRecords: (at, page) => isDone(records.row({ ...at, ...page })),
    eraseErrors: (at, { pass, seqs, upTo, touched }) =>
      isDone(errors.row({ ...at, seqs: seqs.map((seq) => pass * PASS + seq), upTo, touched })),
    eraseExamples: (at, { pass, name, examples: text, message, n }) =>
      isDone(examples.row({ ...at, pass, name, examples: text, message, n })),
    emptyBody: (at) => isDone(emptied.row({ ...at })),
    async eraseChunks(id, limit) {
      if ((await chunks.next({ id }, limit)) === null) return "busy";
      return (await chunks.hasMore({ id })) ? "more" : "done";
    },
    eraseDeliveries: (at, ids) => isDone(deliveries.row({ ...at, ids })),
    ...lookingUp(on),
    ...ofClient(on),
  };
}

function lookingUp(
  on: Units,
): Pick<Erasing, "erasedBatch" | "lastBatch" | "heldWith" | "groupTexts" | "deliveryBodies"> {
  const params = { dataset: "name", after: "bigint", last: "bigint" } as const;
  const next = <const P extends Params>(given: P, mine: string) =>
    on.unit({ ...params, ...given }, ({ first }) => [
      select<ErasedBatch>(
        first(
          1,
          `b.id AS "id", b.public_id AS "publicId", b.client_id AS "clientId", b.pass AS "pass", b.format AS "format", b.chunks AS "chunks",
    CASE WHEN ${resting("b")} AND NOT EXISTS (SELECT 1 FROM stale_errors AS s WHERE s.batch_id = b.id) THEN 1 ELSE 0 END AS "isResting"
  FROM batch AS b WHERE b.dataset = :dataset AND b.id > :after AND b.id <= :last${mine} ORDER BY b.id`,
        ),
      ),
    ]);
  const ofAll = next({}, "");
  const ofOne = next({ clientId: "bigint" }, " AND b.client_id = :clientId");
  const last = on.unit({}, () => [select<{ id: number | null }>('SELECT MAX(b.id) AS "id" FROM batch AS b')]);
  const holding = on.unit({ dataset: "name" }, () => [
    select<{ publicId: string }>(`SELECT c.public_id AS "publicId" FROM client AS c WHERE c.legal_hold = 1
  AND EXISTS (SELECT 1 FROM batch AS b WHERE b.client_id = c.id AND b.dataset = :dataset)`),
  ]);
  const groups = on.unit({ id: "bigint" }, () => [
    select<GroupTexts>(
      `SELECT g.pass AS "pass", g.name AS "name", g.examples AS "examples", g.message AS "message" FROM error_group AS g
  WHERE g.batch_id = :id AND g.code IS NOT NULL`,
    ),
  ]);
  const bodies = on.unit({ id: "bigint" }, () => [
    select<{ id: number; body: string }>(
      'SELECT d.id AS "id", d.body AS "body" FROM delivery AS d WHERE d.batch_id = :id ORDER BY d.id',
    ),
  ]);
  return {
    erasedBatch: async ({ dataset, clientId, after, last: until }) =>
      (await (clientId === null
        ? ofAll.row({ dataset, after, last: until })
        : ofOne.row({ dataset, after, last: until, clientId }))) ?? null,
    lastBatch: async () => (await last.row({}))?.id ?? 0,
    heldWith: async (dataset) => (await holding.rows({ dataset })).map(({ publicId }) => publicId),
    groupTexts: (id) => groups.rows({ id }),
    deliveryBodies: (id) => bodies.rows({ id }),
  };
}

/** The tables with a client's rows, except those of its batches. The client's grants were already taken away. */
const CLIENT_ROWS: [Table, string[]][] = [
  [contentKey, ["client_id", "hash"]],
  [idempotencyKey, ["client_id", '"key"']],
  [clientKeyUse, ["client_id", "key_id"]],
  [clientUsage, ["client_id", "day"]],
  [statMinute, ["client_id", "at", "node", "run"]],
  [statHour, ["id"]],
  [endedScope, ["client_id", "scope"]],
  [orderPlace, ["client_id", "lane", "place"]],
  [orderLane, ["client_id", "lane"]],
  [datasetGrant, ["client_id", "dataset"]],
  [datasetPin, ["id"]],
  [webhookSecret, ["client_id"]],
  [clientQueue, ["client_id"]],
  [documentVersion, ["client_id", "dataset", "version"]],
  [policy, ["client_id", "version"]],
];

function ofClient(on: Units): Pick<Erasing, "eraseClientRows" | "clientBatches"> {
  const where = (table: Table) => `${table.name}.client_id = :clientId AND ${notHeld(":clientId")}`;
  const keys = on.unit({ erasure: "bigint", clientId: "bigint", limit: "int" }, () => [
    removeFirst(recordKey, {
      key: ["client_id", "key_hash"],
      where: where(recordKey),
      order: "key_hash",
      limit: ":limit",
      into: rowSet("gone", recordKey, ["clientId"]),
    }),
    update(erasure, {
      set: "unique_keys = unique_keys + (SELECT COUNT(*) FROM gone)",
      where: "id = :erasure AND EXISTS (SELECT 1 FROM gone)",
    }),
  ]);
  const others = CLIENT_ROWS.map(([table, key]) =>
    on.unit({ clientId: "bigint", limit: "int" }, () => [
      removeFirst(table, { key, where: where(table), order: key.join(", "), limit: ":limit" }),
    ]),
  );
  const oldest = on.unit({ clientId: "bigint", limit: "int" }, ({ first }) => [
    select<{ id: number; publicId: string; isResting: number; state: string }>(
      first(
        ":limit",
        `b.id AS "id", b.public_id AS "publicId", b.state AS "state", CASE WHEN ${resting("b")} THEN 1 ELSE 0 END AS "isResting"
  FROM batch AS b WHERE b.client_id = :clientId ORDER BY b.id`,
      ),
    ),
  ]);
  return {
    clientBatches: (clientId, limit) => oldest.rows({ clientId, limit }),
    async eraseClientRows(clientId, by, limit) {
      if ((await keys.changed({ erasure: by, clientId, limit })) >= limit) return false;
      for (const unit of others) if ((await unit.changed({ clientId, limit })) >= limit) return false;
      return true;
    },
  };
}
