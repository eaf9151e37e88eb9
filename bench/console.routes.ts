/** What each route of the console asks of the database. To measure another route, add a line to `routes`. */
import type { Database } from "../database/database.ts";
import { searchIn } from "../services/api/routes/batch-filter.ts";
import type { BatchRow } from "../services/batch/batch.domain.ts";
import type { BatchFilter } from "../services/batch/batch.filter.domain.ts";
import { countsOf, find } from "../services/batch/batch.find.ts";
import { history } from "../services/batch/batch.history.ts";
import { listed as listedClients } from "../services/clientCache/clientCache.list.ts";
import { CLIENTS, DAY_MS, DAYS, ONE_HAS, REMAINDER } from "./console.size.ts";

const LIMIT = 50;
const MOST_BYTES = 256 * 1024;

/** What a call may use: the database, and random values, so that no page is read twice in a row. */
export interface Scene {
  db: Database;
  batches: number;
  /** A random whole number below `n`. */
  any(n: number): number;
  /** A random batch, read before the clock runs. */
  some: BatchRow;
  now: number;
}

export type Route = (scene: Scene) => Promise<unknown>;

/** Reads a page of batches, and what `GET /admin/batches` tells of them: their last attempts, and the queues of their clients. */
async function page({ db: { store } }: Scene, filter: BatchFilter, isOldestFirst = false): Promise<void> {
  const { batches } = await find(store, filter, { limit: LIMIT, isOldestFirst });
  if (batches.length > 0)
    await store.attempts(
      batches.map(({ id }) => id),
      1,
    );
  const ready = batches.filter(({ state }) => state === "ready");
  if (ready.length > 0) await store.queuesOf([...new Set(ready.map(({ clientId }) => clientId))]);
}

const listed =
  (filterOf: (scene: Scene) => BatchFilter, isOldestFirst?: boolean): Route =>
  (scene) =>
    page(scene, filterOf(scene), isOldestFirst);
/** A partner's list: it reads only the batches. */
const own =
  (filterOf: (scene: Scene) => BatchFilter = () => ({})): Route =>
  (scene) =>
    find(scene.db.store, { ...filterOf(scene), clientId: scene.some.clientId }, { limit: LIMIT });
const counted =
  (filterOf: (scene: Scene) => BatchFilter): Route =>
  ({ db, ...scene }) =>
    countsOf(db.store, filterOf({ db, ...scene }));
/** A search by a text `q`, as an operator types it. */
const searched = (textOf: (some: BatchRow) => string) =>
  listed(({ some }) => ({ search: searchIn(textOf(some), true) }));

const client = ({ any }: Scene) => 1 + any(CLIENTS);
/** A random day in the time in which the batches were made. */
const day = ({ any, now }: Scene) => {
  const from = now - (1 + any(DAYS)) * DAY_MS;
  return { from, to: from + DAY_MS };
};
const madeOn = (scene: Scene) => {
  const { from: createdFrom, to: createdTo } = day(scene);
  return { createdFrom, createdTo };
};
const endedOn = (scene: Scene) => {
  const { from: finishedFrom, to: finishedTo } = day(scene);
  return { finishedFrom, finishedTo };
};

/** The id of a random batch of those that have a feature, where one batch in `oneOf` has it. */
const having = ({ any, batches }: Scene, oneOf: number) => REMAINDER + oneOf * any(batches / oneOf);
/** The id of a random batch with errors. */
const errorful = ({ any, batches }: Scene) => 1 + 100 * any(batches / 100);

const delivered =
  (queryOf: (scene: Scene) => object = () => ({})): Route =>
  (scene) =>
    scene.db.deliveries.listDeliveries({ ...queryOf(scene), limit: LIMIT });
const audited =
  (queryOf: (scene: Scene) => object = () => ({})): Route =>
  (scene) =>
    scene.db.store.listAudit({ ...queryOf(scene), limit: LIMIT });
const clients =
  (queryOf: (scene: Scene) => object = () => ({})): Route =>
  (scene) =>
    listedClients(scene.db, { limit: LIMIT, ...queryOf(scene) });
const figures =
  (stepMs: number, days: number, ofClient = false): Route =>
  ({ db, any, now }) =>
    db.store.figureHistory({ clientId: ofClient ? 1 + any(100) : 0, from: now - days * DAY_MS, to: now, stepMs });

export const routes: Record<string, Route> = {
  "list: all": listed(() => ({})),
  "list: a page somewhere": async ({ db, any, batches }) =>
    find(db.store, {}, { limit: LIMIT, beyond: 1 + any(batches) }),
  "list: failed": listed(() => ({ states: ["failed"] })),
  "list: ready, the oldest first": listed(() => ({ states: ["ready"] }), true),
  "list: a state without batches": listed(() => ({ states: ["undone"] })),
  "list: four states": listed(() => ({ states: ["failed", "held", "completed_with_errors", "completed"] })),
  "list: a client": listed((scene) => ({ clientId: client(scene) })),
  "list: a client, failed": listed((scene) => ({ clientId: client(scene), states: ["failed"] })),
  "list: a client, a day": listed((scene) => ({ clientId: client(scene), ...madeOn(scene) })),
  "list: a day": listed(madeOn),
  "list: a day, failed": listed((scene) => ({ ...madeOn(scene), states: ["failed"] })),
  "list: ended on a day": listed(endedOn),
  "list: ended on a day, failed": listed((scene) => ({ ...endedOn(scene), states: ["failed"] })),
  "list: a dataset": listed(() => ({ dataset: "orders" })),
  "list: a format": listed(() => ({ format: "csv" })),
  "list: a format that nobody has": listed(() => ({ format: "xlsx" })),
  "list: with errors": listed(() => ({ hasErrors: true })),
  "list: of an error code": listed(() => ({ errorCode: "type" })),
  "list: of a code that nobody has": listed(() => ({ errorCode: "nothing" })),
  "list: retries of a batch": listed(({ some }) => ({ retryOf: some.publicId })),
  "search: id": searched(({ publicId }) => publicId),
  "search: 8 characters of an id": searched(({ publicId }) => publicId.slice(0, 8)),
  "search: request": searched(({ requestId }) => `request:${requestId}`),
  "search: checksum": searched(({ contentHash }) => contentHash ?? ""),
  "search: key": searched(({ id }) => `key:upload-${id}`),
  "search: a client": searched(({ clientId }) => `client-${String(clientId).padStart(4, "0")}`),
  "search: beginning of clients": searched(({ id }) => `client-0${id % 10}`),
  "counts: all": counted(() => ({})),
  "counts: a client": counted((scene) => ({ clientId: client(scene) })),
  "counts: a client, a day": counted((scene) => ({ clientId: client(scene), ...madeOn(scene) })),
  "counts: a day": counted(madeOn),
  "counts: ended on a day": counted(endedOn),
  "counts: a format": counted(() => ({ format: "csv" })),
  "counts: of an error code": counted(() => ({ errorCode: "type" })),
  "detail: a batch": async ({ db: { store }, some }) => {
    await store.batch(some.publicId, null);
    await store.attempts([some.id], 1);
    const all = { after: 0, before: Number.MAX_SAFE_INTEGER };
    const of = { states: [], retryOf: some.publicId };
    await store.walkBatches({ way: "retryOf", filter: of, isFiltered: false }, all, { limit: LIMIT });
    await store.keyOfBatch(some.id);
  },
  "detail: history of a batch": async ({ db: { store }, ...scene }) => {
    const id = having({ db: { store } as Database, ...scene }, ONE_HAS.move);
    const [batch] = await store.list({ before: id + 1, limit: 1 });
    await history(store, batch as BatchRow);
  },
  "errors: a page": async (scene) => scene.db.store.errors(errorful(scene), 0, LIMIT, MOST_BYTES),
  "errors: summary": async (scene) => scene.db.store.errorSummary(errorful(scene)),
  "records: a page": async (scene) => scene.db.store.records(having(scene, ONE_HAS.records), 0, LIMIT, MOST_BYTES),
  "deliveries: all": delivered(),
  "deliveries: failed": delivered(() => ({ state: "failed" })),
  "deliveries: of a client": delivered((scene) => ({ clientId: client(scene) })),
  "deliveries: of an event, a day": delivered((scene) => ({ event: "batch.failed", ...day(scene) })),
  "deliveries: of a batch": delivered(({ some }) => ({ batch: some.publicId })),
  "detail: a delivery": async ({ db: { deliveries }, some }) => {
    const [found] = await deliveries.listDeliveries({ publicId: some.publicId, limit: 1 });
    await deliveries.deliveryBody(found?.id ?? 0);
  },
  "audit: all": audited(),
  "audit: of an operator": audited(({ any }) => ({ who: `operator-${any(20)}` })),
  "audit: of an action": audited(() => ({ action: "client.policy" })),
  "audit: of a subject": audited(({ any }) => ({ subject: `subject-${any(5_000)}` })),
  "audit: a day": audited(day),
  "audit: of an operator, a day": audited((scene) => ({ who: `operator-${scene.any(20)}`, ...day(scene) })),
  "clients: all": clients(),
  "clients: by text": clients(({ any }) => ({ q: `ent ${any(10)}` })),
  "clients: active": clients(() => ({ status: "active" })),
  "detail: use of a client": async (scene) => {
    await scene.db.store.queueOf(client(scene));
    await scene.db.store.usage(client(scene));
  },
  "versions of a policy": async (scene) =>
    scene.db.store.documentVersions({ clientId: client(scene), dataset: "", limit: LIMIT }),
  "figures: now": async ({ db: { store } }) => store.stats(),
  "figures: a day by the minute": figures(60_000, 1),
  "figures: 60 days by the hour": figures(3_600_000, 60),
  "figures: a client, 90 days by the day": figures(DAY_MS, 90, true),
  "partner: its batches": own(),
  "partner: failed": own(() => ({ states: ["failed"] })),
  "partner: a day, with errors": own((scene) => ({ ...madeOn(scene), hasErrors: true })),
  "partner: a key": own(({ some }) => ({ search: searchIn(`key:upload-${some.id}`, false) })),
  "partner: its deliveries": delivered(({ some }) => ({ clientId: some.clientId })),
  "partner: failed deliveries": delivered(({ some }) => ({ clientId: some.clientId, state: "failed" })),
};
