/**
 * `npm run soak`: a cluster of two api and two worker processes under a mixed load for SOAK_MINUTES, looked at every ten seconds.
 * It fails where a figure keeps growing or a count is not exact. It ends by itself, and leaves nothing behind.
 */
import { loadavg } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { freePort } from "../test/helpers/port.ts";
import { type Cluster, newCluster } from "./kit/cluster.ts";
import { runToEnd, useOneFolder } from "./kit/main.ts";
import { CannotRun } from "./kit/needs.ts";
import { print } from "./kit/report.ts";
import { createText } from "./kit/table.ts";
import { Books } from "./soak/books.ts";
import { SMALL, startLoad } from "./soak/load.ts";
import { metricsText, Samples, sumOf, type Watched } from "./soak/sample.ts";

const SAMPLE_MS = 10_000;
/** How long the last events may take after the load has stopped. */
const SETTLE_MS = 30_000;
/** Until an ended batch is deleted; a policy has whole days. In a short run a sixth of it. */
const MOST_RETENTION_MS = 60_000;
const AGE_EVERY_MS = 5_000;
const MOST_MINUTES = 1_440;

const settings = {
  // Four nodes on a server that others use too, whose connections are few.
  DATABASE_POOL: "4",
  SWEEP_INTERVAL: "2s",
  WEBHOOK_ALLOWED_HOSTS: "127.0.0.1",
  TABLES_ALLOWED: "*",
};

/** Null: it is wrong. */
function minutesOf(text = "10"): number | null {
  const minutes = Number(text);
  return minutes >= 1 && minutes <= MOST_MINUTES ? minutes : null;
}

async function startNodes(cluster: Cluster): Promise<Watched[]> {
  const api = async (name: string) => {
    const node = await cluster.start("start:api");
    return { name, node, metrics: `${node.url}/metrics` };
  };
  const worker = async (name: string) => {
    const port = await freePort();
    const node = await cluster.start("start:worker", { METRICS_PORT: String(port) });
    return { name, node, metrics: `http://127.0.0.1:${port}/metrics` };
  };
  return Promise.all([api("api-1"), api("api-2"), worker("worker-1"), worker("worker-2")]);
}

/**
 * Ends the time of batches and keys early: the shortest that a policy can say is a day. Retention deletes them as ever. A
 * check that can still be committed is first ended, and in a later turn deleted.
 */
async function age(db: pg.Client, retentionMs: number): Promise<void> {
  const now = Date.now();
  const due = [now, now - retentionMs];
  await db.query(
    "UPDATE batch SET due_at = $1 WHERE coalesce(finished_at, CASE state WHEN 'validated' THEN created_at END) < $2 AND due_at > $1",
    due,
  );
  await db.query("UPDATE idempotency_key SET expires_at = $1 WHERE expires_at > $1", [now]);
}

/** Waits until nothing is under way, or the time is over. */
async function settle(db: pg.Client, books: Books): Promise<void> {
  const under = `SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM delivery WHERE due_at IS NOT NULL)
    + (SELECT count(*) FROM batch WHERE state IN ('receiving', 'received', 'ready', 'processing')) AS n`;
  let n = "";
  for (const end = Date.now() + SETTLE_MS; Date.now() < end; await pause(200)) {
    n = (await db.query<{ n: string }>(under)).rows[0]?.n as string;
    if (n === "0" && books.untold().length === 0) return;
  }
  books.fault(
    `After ${SETTLE_MS / 1000} s without load something is still under way: ${n} events, deliveries and batches; ${books.untold().length} webhooks have not come`,
  );
}

/** Compares what batches have accepted with what is there, and with what retention has deleted of it. */
async function compare(db: pg.Client, watched: Watched[], books: Books): Promise<string> {
  const count = async (table: string) =>
    (await db.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`)).rows[0]?.n as number;
  // A batch for a table has its records in DataFlow's own store too.
  const all = books.accepted.store + books.accepted.table;
  let removed = 0;
  // Retention may delete a piece in between: its rows are counted once it has, so ask again until both agree.
  let stored = 0;
  for (const end = Date.now() + SETTLE_MS; Date.now() < end; await pause(500)) {
    const texts = await Promise.all(watched.map(({ metrics }) => metricsText(metrics)));
    removed = texts.reduce((sum, text) => sum + sumOf(text, "dataflow_retention_rows_total", `table="record"`), 0);
    stored = await count("record");
    if (stored + removed === all) break;
  }
  const rows = await count("bench_order");
  const { accepted } = books;
  if (stored + removed !== all)
    books.fault(`${all} records were accepted, ${stored} are stored and ${removed} were deleted by retention`);
  if (rows !== accepted.table) books.fault(`${accepted.table} records were accepted for the table, which has ${rows}`);
  for (const [id, n] of books.told) if (n !== SMALL) books.fault(`batch ${id} accepted ${n} of ${SMALL} records`);
  return `${all} records accepted, ${stored} stored and ${removed} deleted by retention; ${accepted.table} of them for the table, ${rows} in it; ${books.posted.size} webhooks due, ${books.told.size} came, ${books.repeats} came again`;
}

async function main(): Promise<void> {
  const minutes = minutesOf(process.env.SOAK_MINUTES);
  if (minutes === null) {
    console.error(`SOAK_MINUTES: expected a number from 1 to ${MOST_MINUTES}; found "${process.env.SOAK_MINUTES}"`);
    process.exitCode = 2;
    return;
  }
  useOneFolder();
  try {
    await soak(minutes * 60_000);
  } catch (error) {
    if (!(error instanceof CannotRun)) throw error;
    console.error(`soak: NOT RUN, ${error.message}`);
    process.exitCode = 3;
  }
}

async function soak(ms: number): Promise<void> {
  const [loadBefore = 0] = loadavg();
  const cluster = await newCluster(settings);
  const db = new pg.Client(cluster.databaseUrl);
  await db.connect();
  await db.query(createText("postgres"));
  const watched = await startNodes(cluster);
  const books = new Books();
  const samples = new Samples(watched, db);
  const stop = await startLoad([watched[0]?.node.url as string, watched[1]?.node.url as string], books);
  const retentionMs = Math.min(MOST_RETENTION_MS, ms / 6);
  const began = Date.now();
  for (let next = SAMPLE_MS, aged = 0; next <= ms; ) {
    if (Date.now() - began >= next) {
      const at = (Date.now() - began) / 1000;
      console.log(`${at.toFixed(0).padStart(5)} s: ${await samples.take(at, books.latencies())}`);
      next += SAMPLE_MS;
    }
    if (Date.now() - aged >= AGE_EVERY_MS) {
      aged = Date.now();
      await age(db, retentionMs);
    }
    await pause(200);
  }
  await stop();
  await settle(db, books);
  const exact = await compare(db, watched, books);
  const largest = await samples.largest();
  await db.end();
  await cluster.stop();
  const lines = samples.lines();
  const done = Object.entries(books.done).map(([kind, n]) => `${kind} ${n}`);
  print({
    title: `soak: ${ms / 60_000} minutes; the first half of the samples (median) beside the second (mean and its line of least squares)`,
    lines,
    notes: [
      `Calls: ${done.join(", ")}.`,
      `Counts: ${exact}.`,
      `The largest tables: ${largest}.`,
      `The machine's load: ${loadBefore.toFixed(1)} before, ${(loadavg()[0] as number).toFixed(1)} after.`,
    ],
  });
  const grown = lines.filter(({ goal }) => goal?.isMet === false).map(({ label, ratio }) => `${label} grows: ${ratio}`);
  const reasons = [...books.faults, ...grown];
  for (const reason of reasons) console.log(`  ${reason}`);
  console.log(`soak: ${reasons.length === 0 ? "passed" : "failed"}`);
  if (reasons.length > 0) process.exitCode = 1;
}

await runToEnd(main);
