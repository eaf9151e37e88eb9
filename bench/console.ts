/**
 * What the routes of the console cost the database with ten million batches and ten million errors: each the time of all its
 * statements, as a node waits for them. Another route is a line of `routes`.
 */
import { type Database, openDatabase } from "../database/database.ts";
import type { BatchFilter } from "../services/batch/batch.filter.domain.ts";
import { countsOf, find } from "../services/batch/batch.find.ts";
import { CLIENTS, DAYS, fill } from "./console.fill.ts";
import { needs } from "./kit/needs.ts";
import { type Benchmark, type Line, median, quantile } from "./kit/report.ts";
import { newServerDatabase } from "./kit/servers.ts";

const MOST_MS = 50;
const WARM_UP = 10;
const LIMIT = 50;
const DAY_MS = 86_400_000;

/** What a call is made of: other values each time, so that no page is read twice in a row. */
interface Scene {
  store: Database["store"];
  batches: number;
  /** A whole number below `n`. */
  any(n: number): number;
  /** Some batch. */
  one(): Promise<Some>;
  now: number;
}

interface Some {
  id: number;
  publicId: string;
  requestId: string | null;
  contentHash: string | null;
}

type Route = (scene: Scene) => Promise<unknown>;

const listed =
  (filterOf: (scene: Scene) => BatchFilter, page: { isOldestFirst?: boolean } = {}): Route =>
  (scene) =>
    find(scene.store, filterOf(scene), { limit: LIMIT, ...page });
const counted =
  (filterOf: (scene: Scene) => BatchFilter): Route =>
  (scene) =>
    countsOf(scene.store, filterOf(scene));
const searched =
  (termOf: (some: Some) => object): Route =>
  async (scene) =>
    find(scene.store, { search: [termOf(await scene.one()) as never] }, { limit: LIMIT });

const client = ({ any }: Scene) => 1 + any(CLIENTS);
/** A day of the time in which the batches were made. */
const day = ({ any, now }: Scene) => {
  const createdFrom = now - (1 + any(DAYS)) * DAY_MS;
  return { createdFrom, createdTo: createdFrom + DAY_MS };
};

const routes: Record<string, Route> = {
  "list: all": listed(() => ({})),
  "list: a page somewhere": async (scene) =>
    find(scene.store, {}, { limit: LIMIT, beyond: 1 + scene.any(scene.batches) }),
  "list: failed": listed(() => ({ states: ["failed"] })),
  "list: ready, the oldest first": listed(() => ({ states: ["ready"] }), { isOldestFirst: true }),
  "list: a state without batches": listed(() => ({ states: ["undone"] })),
  "list: four states": listed(() => ({ states: ["failed", "held", "completed_with_errors", "completed"] })),
  "list: a client": listed((scene) => ({ clientId: client(scene) })),
  "list: a client, failed": listed((scene) => ({ clientId: client(scene), states: ["failed"] })),
  "list: a client, a day": listed((scene) => ({ clientId: client(scene), ...day(scene) })),
  "list: a day": listed(day),
  "list: a day, failed": listed((scene) => ({ ...day(scene), states: ["failed"] })),
  "list: ended on a day": listed((scene) => {
    const { createdFrom: finishedFrom, createdTo: finishedTo } = day(scene);
    return { finishedFrom, finishedTo };
  }),
  "list: a dataset": listed(() => ({ dataset: "orders" })),
  "list: a format": listed(() => ({ format: "csv" })),
  "list: a format that nobody has": listed(() => ({ format: "xlsx" })),
  "list: with errors": listed(() => ({ hasErrors: true })),
  "list: of an error code": listed(() => ({ errorCode: "type" })),
  "list: of a code that nobody has": listed(() => ({ errorCode: "nothing" })),
  "search: id": searched(({ publicId }) => ({ by: "id", digits: publicId.replaceAll("-", "") })),
  "search: 8 characters of an id": searched(({ publicId }) => ({ by: "id", digits: publicId.slice(0, 8) })),
  "search: request": searched(({ requestId }) => ({ by: "request", requestId })),
  "search: checksum": searched(({ contentHash }) => ({ by: "checksum", hash: contentHash })),
  "search: key": searched(({ id }) => ({ by: "key", key: `upload-${id}` })),
  "search: beginning of clients": listed(({ any }) => ({
    search: [{ by: "client", identifier: `client-0${any(10)}` }],
  })),
  "counts: all": counted(() => ({})),
  "counts: a client": counted((scene) => ({ clientId: client(scene) })),
  "counts: a day": counted(day),
  "counts: a format": counted(() => ({ format: "csv" })),
  "detail: a batch": async (scene) => scene.store.batch((await scene.one()).publicId, null),
  "errors: a page": async ({ store, any, batches }) => store.errors(errorful(any, batches), 0, LIMIT, 256 * 1024),
  "errors: summary": async ({ store, any, batches }) => store.errorSummary(errorful(any, batches)),
};

/** The id of a batch with errors. */
const errorful = (any: Scene["any"], batches: number) => 1 + 100 * any(batches / 100);

async function measured(label: string, route: Route, scene: Scene, times: number): Promise<Line> {
  const took: number[] = [];
  for (let round = -WARM_UP; round < times; round++) {
    // What is looked for is chosen before the clock runs.
    const some = await scene.one();
    const began = performance.now();
    await route({ ...scene, one: async () => some });
    if (round >= 0) took.push(performance.now() - began);
  }
  const p99 = quantile(took, 0.99);
  return {
    label,
    figure: `p50 ${median(took).toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
    goal: { text: `p99 ≤ ${MOST_MS} ms`, isMet: p99 <= MOST_MS },
  };
}

export const consoleRoutes: Benchmark = async ({ size, rounds }) => {
  await needs(["postgres"]);
  const batches = size === "quick" ? 200_000 : 10_000_000;
  const times = rounds ?? (size === "quick" ? 30 : 200);
  const { url, drop } = process.env.BENCH_KEPT_DATABASE
    ? { url: process.env.BENCH_KEPT_DATABASE, drop: async () => {} }
    : await newServerDatabase();
  const db = await openDatabase({ url, connections: 1 });
  await db.migrate();
  if ((await db.store.list({ limit: 1 })).length === 0) await fill(url, batches, (text) => console.error(`  ${text}`));
  const any = (n: number) => Math.floor(Math.random() * n);
  const one = async () => {
    const [found] = await db.store.list({ before: 2 + any(batches), limit: 1 });
    return found as Some;
  };
  const scene: Scene = { store: db.store, batches, any, one, now: Date.now() };
  const lines: Line[] = [];
  for (const [label, route] of Object.entries(routes)) lines.push(await measured(label, route, scene, times));
  await db.close();
  await drop();
  return {
    title: `console: ${batches.toLocaleString("en-US")} batches and as many errors in PostgreSQL; ${times} rounds`,
    lines,
    notes: ["Times are those of all statements of a route, from the call to the answer, on one connection."],
  };
};
