/** A long run at half of the highest rate, or at a given pace: whether memory, tables and latency stay flat. */
import { loadavg } from "node:os";
import pg from "pg";
import type { Cluster } from "../kit/cluster.ts";
import { batchesSince } from "../kit/http.ts";
import { cpuOf, type DataFlowNode, memoryOf } from "../kit/node.ts";
import { type Line, median, quantile, type Report } from "../kit/report.ts";
import { megabytes, sizesOf } from "../kit/sizes.ts";
import { body } from "../small.ts";
import { CONNECTIONS, drained, type Generator, type Target } from "./ours.ts";

const MINUTE_MS = 60_000;
const BURST = 1_000;
/** The share of the burst's rate at which the long run sends. */
const SHARE = 0.5;
/** How many times its first value a figure may reach. It leaves room for noise, and for a heap that is rarely collected. */
const MOST = 1.25;
/** How many of the largest tables are printed. */
const TOLD = 5;
/** Tables that keep rows of each batch or record until retention removes them. All other tables hold only running work. */
const kept = /^(batch|batch_text|record|record_error)(_p?\d+)?$/;

interface Minute {
  batches: number;
  p50: number;
  p99: number;
  /** CPU of both nodes for each batch. A busy machine changes this figure less than the latency. */
  cpuMs: number;
  apiMb: number;
  workerMb: number;
  /** The size of the tables that hold only running work. */
  movingMb: number;
  keptBytesPerBatch: number;
}

export interface LongRun {
  cluster: Cluster;
  generator: Generator;
  api: DataFlowNode;
  worker: DataFlowNode;
  target: Target;
  minutes: number;
  /** Batches per second. Null: half of the burst's rate. */
  pace: number | null;
}

export async function longRun(run: LongRun): Promise<Report> {
  const db = new pg.Client(run.cluster.databaseUrl);
  await db.connect();
  const burst = await drained(run.generator, run.api, run.target, BURST);
  const pace = run.pace ?? SHARE * burst;
  const before = await keptBytes(db);
  const minutes: Minute[] = [];
  let batches = 0;
  for (let n = 1; n <= run.minutes; n++) {
    const one = await minute(run, db, pace, { bytes: before, batches });
    batches += one.batches;
    minutes.push(one);
    console.log(`  ${String(n).padStart(3)}: ${told(one)}`);
  }
  const moving = (await sizesOf(db, (name) => !kept.test(name))).slice(0, TOLD);
  await db.end();
  return {
    title: `drain for ${run.minutes} minutes, ${pace.toFixed(0)} batches/s: the last third of the minutes beside the first`,
    lines: [
      flat("latency, p50 of the minutes", minutes, ({ p50 }) => p50, "ms"),
      flat("CPU for a batch", minutes, ({ cpuMs }) => cpuMs, "ms"),
      flat("memory of the api", minutes, ({ apiMb }) => apiMb, "MB"),
      flat("memory of the worker", minutes, ({ workerMb }) => workerMb, "MB"),
      flat("tables of what is under way", minutes, ({ movingMb }) => movingMb, "MB"),
      flat("kept for a batch", minutes, ({ keptBytesPerBatch }) => keptBytesPerBatch / 1024, "kB"),
    ],
    notes: [
      `The largest at the end: ${moving.map(({ name, bytes }) => `${name} ${megabytes(bytes).toFixed(1)} MB`).join(", ")}.`,
    ],
  };
}

async function minute(
  { generator, api, worker, target }: LongRun,
  db: pg.Client,
  pace: number,
  before: { bytes: number; batches: number },
): Promise<Minute> {
  const cpu = () => cpuOf(api.pid) + cpuOf(worker.pid);
  const cpuBefore = cpu();
  const { from } = await generator.ask({ ...target, connections: CONNECTIONS, ms: MINUTE_MS, pace, body });
  const cpuMs = cpu() - cpuBefore;
  const latencies: number[] = [];
  for await (const { createdAt, finishedAt } of batchesSince(api.url, from))
    latencies.push((finishedAt === null ? Date.now() : Date.parse(finishedAt)) - Date.parse(createdAt));
  return {
    batches: latencies.length,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    cpuMs: cpuMs / latencies.length,
    apiMb: megabytes(memoryOf(api.pid, "VmRSS")),
    workerMb: megabytes(memoryOf(worker.pid, "VmRSS")),
    movingMb: megabytes(await bytesOf(db, (name) => !kept.test(name))),
    keptBytesPerBatch: ((await keptBytes(db)) - before.bytes) / (before.batches + latencies.length),
  };
}

const keptBytes = (db: pg.Client) => bytesOf(db, (name) => kept.test(name));

async function bytesOf(db: pg.Client, isMeant: (name: string) => boolean): Promise<number> {
  return (await sizesOf(db, isMeant)).reduce((sum, { bytes }) => sum + bytes, 0);
}

const told = (one: Minute) =>
  `${one.batches} batches, p50 ${one.p50} ms, p99 ${one.p99} ms, CPU ${one.cpuMs.toFixed(1)} ms a batch, api ${one.apiMb.toFixed(0)} MB, worker ${one.workerMb.toFixed(0)} MB, under way ${one.movingMb.toFixed(1)} MB, kept ${(one.keptBytesPerBatch / 1024).toFixed(1)} kB a batch, load ${(loadavg()[0] as number).toFixed(0)}`;

function flat(label: string, minutes: Minute[], of: (one: Minute) => number, unit: string): Line {
  const third = Math.max(1, Math.floor(minutes.length / 3));
  const [first, last] = [minutes.slice(0, third), minutes.slice(-third)].map((some) => median(some.map(of))) as [
    number,
    number,
  ];
  return {
    label,
    figure: `${first.toFixed(1)} ${unit}, then ${last.toFixed(1)} ${unit}`,
    ratio: `${(last / first).toFixed(2)} times`,
    goal: { text: `≤ ${MOST}`, isMet: last / first <= MOST },
  };
}
