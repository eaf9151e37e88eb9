/**
 * `npm run soak`: runs a mixed load for `SOAK_MINUTES` on a cluster of two api and two worker processes, and on a node with
 * SQLite. It takes a sample when the load begins, and then every ten seconds. It fails if a figure keeps growing or a count is not
 * exact. It ends by itself, and leaves nothing behind.
 */
import { loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { root } from "../root.cjs";
import { freePort } from "../test/helpers/port.ts";
import { startChild } from "./kit/child.ts";
import { type Cluster, newCluster } from "./kit/cluster.ts";
import { runToEnd, useOneFolder } from "./kit/main.ts";
import { CannotRun } from "./kit/needs.ts";
import { print } from "./kit/report.ts";
import { newMigratedDatabase } from "./kit/servers.ts";
import { createText } from "./kit/table.ts";
import { Books } from "./soak/books.ts";
import { age, compare, settle } from "./soak/counts.ts";
import { judged } from "./soak/judge.ts";
import { startLoad } from "./soak/load.ts";
import { type Told, takeSample, type Watched } from "./soak/sample.ts";
import { Recording } from "./soak/series.ts";
import { Servers, startVacuum } from "./soak/servers.ts";
import { startSingle } from "./soak/single.ts";

const SAMPLE_MS = 10_000;
/**
 * How long an ended batch stays before retention deletes it. A policy cannot say less than a day. In a short run it is a sixth of
 * the run.
 */
const MOST_RETENTION_MS = 60_000;
/** The load reads the reports of a batch before it is deleted, also on a busy machine. That takes up to this long. */
const LEAST_RETENTION_MS = 30_000;
const AGE_EVERY_MS = 5_000;
const MOST_MINUTES = 1_440;

const everywhere = {
  SWEEP_INTERVAL: "2s",
  WEBHOOK_ALLOWED_HOSTS: "127.0.0.1",
  TABLES_ALLOWED: "*",
  NODE_OPTIONS: `--expose-gc --import ${pathToFileURL(join(root, "bench/soak/probe.mjs")).href}`,
  SOAK_LEAK_MB: process.env.SOAK_LEAK_MB ?? "0",
  SOAK_SLOW_MS: process.env.SOAK_SLOW_MS ?? "0",
};

// The four nodes share a PostgreSQL server with others, and that server allows few connections.
const inCluster = { ...everywhere, DATABASE_POOL: "4" };

/** Parses `SOAK_MINUTES`. Null if it is not a number of minutes that is allowed. */
function minutesOf(text = "10"): number | null {
  const minutes = Number(text);
  return minutes >= 1 && minutes <= MOST_MINUTES ? minutes : null;
}

async function startNodes(cluster: Cluster): Promise<Watched[]> {
  const start = async (role: "api" | "worker", name: string): Promise<Watched> => {
    let told: Told | null = null;
    const port = String(await freePort());
    const node = await cluster.start(`start:${role}`, role === "worker" ? { METRICS_PORT: port } : {}, (message) => {
      told = message;
    });
    const metrics = `${role === "worker" ? `http://127.0.0.1:${port}` : node.url}/metrics`;
    return {
      name,
      role,
      node,
      metrics,
      get told() {
        return told;
      },
    };
  };
  return Promise.all([
    start("api", "api-1"),
    start("api", "api-2"),
    start("worker", "worker-1"),
    start("worker", "worker-2"),
  ]);
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
  const cluster = await newCluster(inCluster, [], newMigratedDatabase);
  const servers = await Servers.open(cluster.databaseUrl, cluster.env);
  const { db } = servers;
  await db.query(createText("postgres"));
  const control = startChild<{ url: string }, number>("soak/control.ts");
  const controlUrl = `http://127.0.0.1:${await control.ask({ url: cluster.databaseUrl })}`;
  const vacuum = await startVacuum(cluster.databaseUrl);
  const watched = await startNodes(cluster);
  const recording = new Recording();
  const books = new Books(recording);
  const single = await startSingle(everywhere, books);
  const stop = await startLoad([watched[0]?.node.url as string, watched[1]?.node.url as string], controlUrl, books);
  const retentionMs = Math.max(LEAST_RETENTION_MS, Math.min(MOST_RETENTION_MS, ms / 6));
  const began = Date.now();
  for (let next = 0, aged = 0; next <= ms; ) {
    if (Date.now() - began >= next) {
      const said = await takeSample({ watched, single, servers, books, recording });
      console.log(`${(next / 1000).toFixed(0).padStart(5)} s: ${said}`);
      next += SAMPLE_MS;
      if (process.env.SOAK_FILE) recording.save(process.env.SOAK_FILE);
    }
    if (Date.now() - aged >= AGE_EVERY_MS) {
      aged = Date.now();
      await age(db, retentionMs);
      single.age(retentionMs);
    }
    await pause(200);
  }
  await stop();
  await vacuum.stop();
  books.judgeBusy();
  await settle(db, books);
  const exact = `${await compare(db, watched, books)}; ${await single.stop()}`;
  const largest = (await servers.tables())
    .slice(0, 5)
    .map(({ name, bytes }) => `${name} ${(bytes / 2 ** 20).toFixed(1)} MB`);
  if (process.env.SOAK_FILE) recording.save(process.env.SOAK_FILE);
  await servers.close();
  await control.stop();
  await cluster.stop();
  const lines = judged(recording);
  print({
    title: `soak: ${ms / 60_000} minutes; the first third after the warm-up (median of its windows) beside the last`,
    lines,
    notes: [
      `Calls: ${Object.entries(books.done)
        .map(([kind, n]) => `${kind} ${n}`)
        .join(", ")}; ${books.busy} were answered with 503.`,
      `Counts: ${exact}.`,
      `The largest tables: ${largest.join(", ")}.`,
      ...(vacuum.isOurs ? ["Autovacuum is off in this server: the soak has vacuumed each minute."] : []),
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
