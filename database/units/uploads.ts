/** Uploads before their commit: begin, chunks and leases. For the commit see uploads.commit.ts. */

import type { StoredChunk } from "../../services/batch/batch.domain.ts";
import type { NewBatch } from "../../services/imports/imports.domain.ts";
import { batch, batchChunk, batchWork, idempotencyKey } from "../schema/tables.ts";
import type { BatchStore } from "../store.ts";
import { writtenOrRefused } from "../upload-refusal.ts";
import { insert, lock, remove, rowSet, type Step, select, update } from "./steps.ts";
import { type Params, shapes, type Units } from "./unit.ts";
import { heldBy, KEY_IS_FREE, type UploadChecks } from "./uploads.checks.ts";

const BEGUN = {
  publicId: "uuid",
  clientId: "bigint",
  policyVersion: "int",
  dataset: "name",
  format: "name",
  requestId: "name",
  trace: "text",
  leaseMs: "bigint",
} as const;
const MADE = rowSet("made", batch, ["id", "clientId", "phase", "version"]);
const LEASE = ":now + :leaseMs";

/** The columns of a new batch that come from the upload's request. */
export const asked = {
  public_id: ":publicId",
  client_id: ":clientId",
  policy_version: ":policyVersion",
  dataset: ":dataset",
  format: ":format",
  request_id: ":requestId",
  trace: ":trace",
};

/** The steps that insert a receiving row and its lease, if `where` holds. */
const begun = (where?: string): Step[] => [
  insert(batch, {
    values: {
      ...asked,
      state: "'receiving'",
      envelope: "'{}'",
      phase: "'deliver'",
      version: "1",
      created_at: ":now",
      ...zeros("bytes", "records", "chunks", "next_chunk", "accepted", "rejected", "duplicate"),
      ...zeros("fence", "attempt", "attempts_total"),
    },
    where,
    into: MADE,
  }),
  insert(batchWork, {
    values: {
      batch_id: "made.id",
      client_id: "made.client_id",
      due_at: LEASE,
      phase: "made.phase",
      version: "made.version",
      ...zeros("fence", "pass", "next_chunk", "accepted", "rejected", "duplicate", "faults", "unlisted", "attempt"),
    },
    from: "made",
  }),
];

export const zeros = (...names: string[]) => Object.fromEntries(names.map((name) => [name, "0"]));
const ID = select<{ id: number }>('SELECT made.id AS "id" FROM made');

type Uploads = "beginUpload" | "beginKeyedUpload" | "appendChunks" | "touchUploads" | "voidUpload";

export function uploadUnits(on: Units, { keyHolder, clearKey }: UploadChecks): Pick<BatchStore, Uploads> {
  const begin = on.unit(BEGUN, () => [...begun(), ID]);
  const beginKeyed = on.unit({ ...BEGUN, key: "name" }, () => [
    ...begun(KEY_IS_FREE),
    insert(idempotencyKey, {
      values: { client_id: "made.client_id", key: ":key", batch_id: "made.id", expires_at: LEASE },
      from: "made",
    }),
    ID,
  ]);
  const touch = on.unit({ ids: "ids", leaseMs: "bigint" }, ({ isIn }) => [
    update(batchWork, { set: `due_at = ${LEASE}`, where: `${isIn("batch_id", ":ids")} AND fence = 0` }),
  ]);
  const [whole, due] = [voiding(on, false), voiding(on, true)];
  return {
    beginUpload: async (made: NewBatch, leaseMs) => ((await begin.row({ ...made, leaseMs })) as { id: number }).id,
    beginKeyedUpload: (made, leaseMs, key) =>
      writtenOrRefused(
        async () => (await beginKeyed.row({ ...made, leaseMs, key })) ?? null,
        () => heldBy(keyHolder, made.clientId, key),
        () => clearKey(made.clientId, key),
      ),
    appendChunks: appending(on),
    touchUploads: async (ids, leaseMs) => void (await touch.changed({ ids, leaseMs })),
    voidUpload: async (id, onlyDue) => (await (onlyDue ? due : whole).row({ id })) !== undefined,
  };
}

function appending(on: Units): BatchStore["appendChunks"] {
  const locked = rowSet("locked", batchWork, ["batchId"]);
  const append = shapes((chunks: number) => {
    const all = Array.from({ length: chunks }, (_, i) => chunkStep(i, "locked"));
    return on.unit(
      { id: "bigint", leaseMs: "bigint", ...Object.assign({}, ...all.map(({ params }) => params)) },
      () => [
        update(batchWork, { set: `due_at = ${LEASE}`, where: "batch_id = :id AND fence = 0", into: locked }),
        ...all.map(({ step }) => step),
      ],
    );
  });
  return async (id, chunks, leaseMs) => {
    const values = { id, leaseMs, ...Object.assign({}, ...chunks.map(chunkValues)) };
    // The parameters of a chunk carry its number, which the types cannot express.
    return (await append(chunks.length).changed(values as never)) > 0;
  };
}

const CHUNK = {
  no: "int",
  firstRecord: "bigint",
  firstLine: "bigint",
  records: "int",
  codec: "name",
  oversized: "text",
  body: "bytes",
} as const satisfies Params;
const CHUNK_COLUMNS = ["no", "first_record", "first_line", "records", "codec", "oversized", "body"];

/** The step that inserts the i-th chunk of a unit. The batch's id is in the column `id` of `from`. */
export function chunkStep(i: number, from: string, id = "batch_id"): { params: Params; step: Step } {
  const names = Object.keys(CHUNK).map((name) => `${name}${i}`);
  const values = Object.fromEntries(CHUNK_COLUMNS.map((column, at) => [column, `:${names[at]}`]));
  return {
    params: Object.fromEntries(Object.entries(CHUNK).map(([name, kind]) => [`${name}${i}`, kind])),
    step: insert(batchChunk, { values: { batch_id: `${from}.${id}`, ...values }, from }),
  };
}

export const chunkValues = ({ oversized, ...chunk }: StoredChunk, i: number) => {
  const values = { ...chunk, oversized: oversized.length === 0 ? null : JSON.stringify(oversized) };
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${name}${i}`, value]));
};

/** Takes an upload away from its node. A node of an older version keeps the upload's lease in `batch`. */
function voiding(on: Units, onlyDue: boolean) {
  const isDue = (column: string) => (onlyDue ? ` AND ${column} <= :now` : "");
  return on.unit({ id: "bigint" }, ({ least }) => [
    lock(batch, { where: "id = :id AND state = 'receiving'", into: rowSet("locked", batch, ["id", "dueAt"]) }),
    remove(batchWork, {
      where: `batch_id IN (SELECT id FROM locked)${isDue("due_at")}`,
      into: rowSet("work", batchWork, ["batchId"]),
    }),
    // Due at once, so that a sweep deletes the upload if this node dies before it does.
    update(batch, {
      set: `fence = fence + 1, due_at = ${least("coalesce(batch.due_at, :now)", ":now")}`,
      where: `id IN (SELECT id FROM locked)${onlyDue ? " AND (due_at <= :now OR EXISTS (SELECT 1 FROM work))" : ""}`,
      into: MADE,
    }),
    remove(idempotencyKey, { where: "batch_id IN (SELECT id FROM made) AND answer IS NULL" }),
    ID,
  ]);
}
