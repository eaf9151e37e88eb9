/**
 * What the routes of the console cost PostgreSQL with ten million batches and ten million errors: the time that the server works
 * at all statements of a call, and the time from the call to the answer, as a node waits for it.
 */
import { type Database, openDatabase } from "../database/database.ts";
import type { BatchRow } from "../services/batch/batch.domain.ts";
import { fill } from "./console.fill.ts";
import { type Route, routes, type Scene } from "./console.routes.ts";
import { needs } from "./kit/needs.ts";
import { type Benchmark, type Line, median, quantile } from "./kit/report.ts";
import { type Filled, keptDatabase, newServerDatabase } from "./kit/servers.ts";
import { ServerTime, tellingTimes } from "./kit/serverTime.ts";

const MOST_MS = 50;
/** Calls before the measurement. PostgreSQL may keep a plan after five calls; its file pages and V8's code are warm by then. */
const WARM_UP = 10;

interface Took {
  server: number[];
  whole: number[];
  statements: number;
}

/** Measures the calls of a route. Each call uses another batch, which is chosen before the clock runs. */
async function measured(route: Route, scene: Omit<Scene, "some">, times: number, server: ServerTime): Promise<Took> {
  const took: Took = { server: [], whole: [], statements: 0 };
  for (let round = -WARM_UP; round < times; round++) {
    const [some] = await scene.db.store.list({ before: 2 + scene.any(scene.batches), limit: 1 });
    server.reset();
    const began = performance.now();
    await route({ ...scene, some: some as BatchRow });
    const whole = performance.now() - began;
    const { ms, statements } = server.read();
    if (round < 0) continue;
    took.whole.push(whole);
    took.server.push(ms);
    took.statements = Math.max(took.statements, statements);
  }
  return took;
}

const ms = (times: number[]) => `p50 ${median(times).toFixed(1)}, p99 ${quantile(times, 0.99).toFixed(1)} ms`;

function lineOf(label: string, { server, whole, statements }: Took): Line {
  return {
    label,
    figure: `database ${ms(server)}`,
    ratio: `whole ${ms(whole)}, statements ≤ ${statements}`,
    goal: { text: `p99 in the database ≤ ${MOST_MS} ms`, isMet: quantile(server, 0.99) <= MOST_MS },
  };
}

/** Opens the database. Fills it, unless an earlier run has kept it. */
async function opened({ url, isFilled, filled }: Filled, batches: number): Promise<Database> {
  const db = await openDatabase({ url: tellingTimes(url), connections: 1 });
  await db.migrate();
  if (isFilled && (await db.store.list({ limit: 1 })).length > 0) return db;
  const began = performance.now();
  await fill(url, batches, (text) => console.error(`  ${((performance.now() - began) / 1000).toFixed(0)} s: ${text}`));
  await filled();
  return db;
}

export const consoleRoutes: Benchmark = async ({ size, rounds, keep }) => {
  await needs(["postgres"]);
  const batches = size === "quick" ? 200_000 : 10_000_000;
  const times = rounds ?? (size === "quick" ? 30 : 200);
  const at = keep === null ? await newServerDatabase() : await keptDatabase(keep, `console ${batches}`);
  const server = new ServerTime();
  const db = await opened({ isFilled: false, filled: async () => {}, ...at }, batches);
  const any = (n: number) => Math.floor(Math.random() * n);
  const scene = { db, batches, any, now: Date.now() };
  const lines: Line[] = [];
  for (const [label, route] of Object.entries(routes))
    lines.push(lineOf(label, await measured(route, scene, times, server)));
  server.end();
  await db.close();
  await at.drop();
  return {
    title: `console: ${batches.toLocaleString("en-US")} batches and as many errors in PostgreSQL; ${times} rounds`,
    lines,
    notes: [
      "Database: what the server says it took to parse, plan and run all statements of a call. Whole: from the call to the answer, on one connection.",
      ...(keep === null ? [] : [`The database ${keep} stays. The next run with --keep ${keep} skips the fill.`]),
    ],
  };
};
