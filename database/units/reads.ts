/** Reads of batches, their errors and their records. */

import type { BatchRow } from "../../services/batch/batch.domain.ts";
import type { ListQuery, RecordErrors } from "../../services/batch/batch.reads.domain.ts";
import {
  addError,
  batchRow,
  dueOf,
  isLeased,
  LIVE,
  mostErrorRows,
  notVoided,
  PASS,
  type RawBatch,
  type RawError,
  ROW_BYTES,
  voidedUpload,
} from "../rows.ts";
import { batch, batchAttempt, outbox, record, recordError } from "../schema/tables.ts";
import type { BatchStore } from "../store.ts";
import type { Evidence } from "../unknown-outcome.ts";
import { listedBatches, ofBatch, oneBatch } from "./batches.ts";
import { lock, rowSet, select, selectFrom } from "./steps.ts";
import { shapes, type Units } from "./unit.ts";

const batchesOf = (rows: RawBatch[]): BatchRow[] => rows.map(batchRow);
const batchOf = (row: RawBatch | undefined): BatchRow | null => (row ? batchRow(row) : null);

type Reads = "batch" | "childOf" | "due" | "voided" | "list" | "changed" | "errors" | "records";

export function readUnits(on: Units): Pick<BatchStore, Reads> {
  const byPublicId = oneBatch(on, { publicId: "uuid" }, "batch.public_id = :publicId");
  const own = oneBatch(
    on,
    { publicId: "uuid", clientId: "bigint" },
    "batch.public_id = :publicId AND batch.client_id = :clientId",
  );
  const child = oneBatch(on, { id: "bigint" }, "batch.parent_id = :id");
  const leased = dueIn(on, dueOf("processing"));
  const waiting = dueIn(on, dueOf("ready"));
  const voided = listedBatches(on, {}, () => `batch.due_at <= :now AND ${voidedUpload("batch")} ORDER BY batch.due_at`);
  return {
    batch: async (publicId, clientId) =>
      batchOf(clientId === null ? await byPublicId.row({ publicId }) : await own.row({ publicId, clientId })),
    childOf: async (id) => batchOf(await child.row({ id })),
    due: async (state, limit) => batchesOf(await (isLeased(state) ? leased : waiting).rows({ state, limit })),
    voided: async (limit) => batchesOf(await voided.rows({ limit })),
    list: lists(on),
    changed: changes(on),
    errors: errorPages(on),
    records: recordPages(on),
  };
}

const dueIn = (on: Units, dueAt: string) =>
  listedBatches(
    on,
    { state: "name" },
    () => `batch.state = :state AND ${dueAt} <= :now AND ${notVoided("batch")} ORDER BY ${dueAt}`,
  );

const CONDITIONS = {
  clientId: "batch.client_id = :clientId",
  dataset: "batch.dataset = :dataset",
  before: "batch.id < :before",
};
/** A condition that the partial index of datasets needs, because the index has no batches of clients' own policies. */
const SHARED = " AND batch.dataset <> 'default'";
type Condition = keyof typeof CONDITIONS;

function lists(on: Units): BatchStore["list"] {
  const params = { state: "name", clientId: "bigint", dataset: "name", before: "bigint" } as const;
  const which = shapes(([hasState, isShared, asked]: [boolean, boolean, Condition[]]) =>
    listedBatches(on, params, ({ plannedAnew }) => {
      // An upload is not a batch yet. It is listed only if the caller asks for the state `receiving`.
      const state = hasState ? "batch.state = :state" : "batch.state <> 'receiving'";
      const conditions = [state, ...asked.map((name) => CONDITIONS[name])];
      return `${conditions.join(" AND ")}${isShared ? SHARED : ""} ORDER BY batch.id DESC${plannedAnew}`;
    }),
  );
  return async (query: ListQuery) => {
    const asked = (Object.keys(CONDITIONS) as Condition[]).filter((name) => query[name] !== undefined);
    const { state = null, clientId = null, dataset = null, before = null, limit } = query;
    const isShared = dataset !== null && dataset !== "default";
    return batchesOf(await which([state !== null, isShared, asked]).rows({ state, clientId, dataset, before, limit }));
  };
}

/** Reads only ids and versions first, because usually no batch has changed. */
function changes(on: Units): BatchStore["changed"] {
  const versions = on.unit({ ids: "uuids" }, ({ isIn }) => [
    select<{ publicId: string; version: number }>(
      `SELECT batch.public_id AS "publicId", coalesce(w.version, batch.version) AS "version" FROM ${LIVE}
  WHERE ${isIn("batch.public_id", ":ids", "uuids")}`,
    ),
  ]);
  const these = listedBatches(on, { ids: "uuids" }, ({ isIn }) => isIn("batch.public_id", ":ids", "uuids"));
  return async (seen) => {
    const known = new Map(seen.map(({ publicId, version }) => [publicId, version]));
    const found = await versions.rows({ ids: [...known.keys()] });
    const ids = found
      .filter(({ publicId, version }) => known.get(publicId) !== version)
      .map(({ publicId }) => publicId);
    return ids.length === 0 ? [] : batchesOf(await these.rows({ ids, limit: ids.length }));
  };
}

/** The expression to add to a record's number for the value of `seq` in the batch's current pass (rows.ts, PASS). */
const PASSED = `(SELECT b.pass * ${PASS} FROM batch AS b WHERE b.id = :id)`;
/** How many error rows a page usually needs for each record. If that is too few, more are read. */
const ERRORS_EACH = 2;
const MORE = 8;

/** Pages of rejected records. A record comes with all its errors or not at all. The record that crosses `maxBytes` is the last. */
function errorPages(on: Units): BatchStore["errors"] {
  const sizes = on.unit({ id: "bigint", after: "bigint", rows: "int" }, ({ first, bytesOf }) => [
    select<{ seq: number; size: number }>(
      first(
        ":rows",
        `e.seq AS "seq", ${["raw", "field", "message", "source", "value"].reduce((sum, name) => `${sum} + coalesce(${bytesOf(`e.${name}`)}, 0)`, String(ROW_BYTES))} AS "size"
  FROM record_error AS e WHERE e.batch_id = :id AND e.seq > ${PASSED} + :after ORDER BY e.seq, e.n`,
      ),
    ),
  ]);
  const errors = on.unit({ id: "bigint", after: "bigint", last: "bigint" }, () => [
    selectFrom(
      recordError,
      ["batchId", "seq", "n", "line", "field", "code", "message", "raw", "source", "value"],
      "e",
      `FROM record_error AS e WHERE e.batch_id = :id AND e.seq > ${PASSED} + :after AND e.seq <= :last ORDER BY e.seq, e.n`,
    ),
  ]);
  /** The `seq` of the page's last record. Null: the page is empty. */
  async function lastOf(id: number, after: number, limit: number, maxBytes: number): Promise<number | null> {
    const most = mostErrorRows(maxBytes);
    for (let rows = limit * ERRORS_EACH + 1; ; rows *= MORE) {
      const asked = Math.min(rows, most);
      const found = await sizes.rows({ id, after, rows: asked });
      const page = pageOf(found, limit, maxBytes);
      if (page.isWhole || found.length < asked || asked === most) return page.last;
    }
  }
  return async (id, after, limit, maxBytes) => {
    const last = await lastOf(id, after, limit, maxBytes);
    const found: RecordErrors[] = [];
    if (last === null) return found;
    for (const row of ofBatch(id, await errors.rows({ id, after, last }))) addError(found, row as RawError);
    return found;
  };
}

/** The end of a page. `isWhole`: another record follows, so all errors of the last one were seen. */
function pageOf(rows: { seq: number; size: number }[], limit: number, maxBytes: number) {
  let [records, bytes, last] = [0, 0, null as number | null];
  for (const { seq, size } of rows) {
    if (seq !== last && (records++ === limit || bytes >= maxBytes)) return { last, isWhole: true };
    bytes += size;
    last = seq;
  }
  return { last, isWhole: false };
}

function recordPages(on: Units): BatchStore["records"] {
  // The record that crosses `maxBytes` is the last one, so a page is never empty.
  const page = on.unit({ id: "bigint", after: "bigint", limit: "int", maxBytes: "bigint" }, ({ first, bytesOf }) => [
    selectFrom(
      record,
      ["batchId", "seq", "data"],
      "r",
      `FROM record AS r WHERE r.batch_id = :id AND r.seq > :after AND r.seq <= (SELECT MAX(q.seq) FROM (
    SELECT p.seq, SUM(p.size) OVER (ORDER BY p.seq ROWS UNBOUNDED PRECEDING) - p.size AS earlier FROM (
      ${first(":limit", `o.seq, ${bytesOf("o.data")} AS size FROM record AS o WHERE o.batch_id = :id AND o.seq > :after ORDER BY o.seq`)}) AS p) AS q
    WHERE q.earlier < :maxBytes) ORDER BY r.seq`,
    ),
  ]);
  return async (id, after, limit, maxBytes) => ofBatch(id, await page.rows({ id, after, limit, maxBytes }));
}

/** The database's clock, epoch ms. */
export function clockOn(on: Units): () => Promise<number> {
  const clock = on.unit({}, () => [select<{ now: number }>('SELECT :now AS "now"')]);
  return async () => ((await clock.row({})) as { now: number }).now;
}

/** The reads that find out whether a unit with a lost answer took effect. */
export function evidenceOn(on: Units): Pick<Evidence, "batchById" | "untilFree" | "outboxOf"> {
  const byId = oneBatch(on, { id: "bigint" }, "batch.id = :id");
  const free = on.unit({ ids: "ids" }, () => [
    lock(batch, { byKey: { column: "id", of: ":ids" }, into: rowSet("locked", batch, ["id"]) }),
  ]);
  // No index serves this query. It runs only after a lost answer.
  const events = on.unit({ bodies: "texts" }, ({ isIn }) => [
    selectFrom(
      outbox,
      ["id", "topic", "body", "attempts"],
      "o",
      `FROM outbox AS o WHERE ${isIn("o.body", ":bodies", "texts")} ORDER BY o.id`,
    ),
  ]);
  return {
    batchById: async (id) => batchOf(await byId.row({ id })),
    untilFree: async (ids) => void (await free.changed({ ids })),
    outboxOf: (drafts) => events.rows({ bodies: drafts.map(({ body }) => body) }),
  };
}

/** Reads the last failed attempts of batches. */
export function attemptUnits(on: Units): Pick<BatchStore, "attempts"> {
  const last = on.unit({ ids: "ids", last: "int" }, ({ isIn }) => [
    selectFrom(
      batchAttempt,
      ["batchId", "no", "at", "node", "code", "detail", "attempt", "chunk", "toState"],
      "q",
      `FROM (SELECT a.batch_id, a.no, a.at, a.node, a.code, a.detail, a.attempt, a.chunk, a.to_state,
    ROW_NUMBER() OVER (PARTITION BY a.batch_id ORDER BY a.no DESC) AS place
  FROM batch_attempt AS a WHERE ${isIn("a.batch_id", ":ids")}) AS q
WHERE q.place <= :last ORDER BY q.batch_id, q.no DESC`,
    ),
  ]);
  return { attempts: (ids, most) => last.rows({ ids, last: most }) };
}
