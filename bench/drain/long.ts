/** A long run at half of what the nodes can do: whether memory, tables and latency stay as they are. */
import pg from "pg";
import type { Cluster } from "../kit/cluster.ts";
import { batchesSince } from "../kit/http.ts";
import { type DataFlowNode, memoryOf } from "../kit/node.ts";
import { type Line, median, quantile, type Report } from "../kit/report.ts";
import { body } from "../small.ts";
import { CONNECTIONS, drained, type Generator, type Target } from "./ours.ts";

const MINUTE_MS = 60_000;
const BURST = 1_000;
/** Of what a burst reached. */
const SHARE = 0.5;
/** What may be more at the end than at the beginning: noise, and a heap that is collected now and then. */
const MOST = 1.25;
/** What holds a row for each batch or record for as long as the batch is kept; all others hold what is under way. */
const kept = /^(batch|batch_text|record|record_error)(_p?\d+)?$/;

interface Minute {
  batches: number;
  p50: number;
  p99: number;
  apiMb: number;
  workerMb: number;
  /** Of the tables of what is under way. */
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
}

export async function longRun(run: LongRun): Promise<Report> {
  const db = new pg.Client(run.cluster.databaseUrl);
  await db.connect();
  const pace = SHARE * (await drained(run.generator, run.api, run.target, BURST));
  const before = await keptBytes(db);
  const minutes: Minute[] = [];
  let batches = 0;
  for (let n = 1; n <= run.minutes; n++) {
    const one = await minute(run, db, pace, { bytes: before, batches });
    batches += one.batches;
    minutes.push(one);
    console.log(`  ${String(n).padStart(3)}: ${told(one)}`);
  }
  await db.end();
  return {
    title: `drain for ${run.minutes} minutes, ${pace.toFixed(0)} batches/s: the last third of the minutes beside the first`,
    lines: [
      flat("latency, p50 of the minutes", minutes, ({ p50 }) => p50, "ms"),
      flat("memory of the api", minutes, ({ apiMb }) => apiMb, "MB"),
      flat("memory of the worker", minutes, ({ workerMb }) => workerMb, "MB"),
      flat("tables of what is under way", minutes, ({ movingMb }) => movingMb, "MB"),
      flat("kept for a batch", minutes, ({ keptBytesPerBatch }) => keptBytesPerBatch / 1024, "kB"),
    ],
  };
}

async function minute(
  { generator, api, worker, target }: LongRun,
  db: pg.Client,
  pace: number,
  before: { bytes: number; batches: number },
): Promise<Minute> {
  const { from } = await generator.ask({ ...target, connections: CONNECTIONS, ms: MINUTE_MS, pace, body });
  const latencies: number[] = [];
  for await (const { createdAt, finishedAt } of batchesSince(api.url, from))
    latencies.push((finishedAt === null ? Date.now() : Date.parse(finishedAt)) - Date.parse(createdAt));
  const megabytes = ({ pid }: DataFlowNode) => memoryOf(pid, "VmRSS") / 1024 / 1024;
  return {
    batches: latencies.length,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    apiMb: megabytes(api),
    workerMb: megabytes(worker),
    movingMb: (await bytesOf(db, (name) => !kept.test(name))) / 1024 / 1024,
    keptBytesPerBatch: ((await keptBytes(db)) - before.bytes) / (before.batches + latencies.length),
  };
}

const keptBytes = (db: pg.Client) => bytesOf(db, (name) => kept.test(name));

async function bytesOf(db: pg.Client, isMeant: (name: string) => boolean): Promise<number> {
  const { rows } = await db.query<{ name: string; bytes: string }>(
    `SELECT c.relname AS name, pg_total_relation_size(c.oid) AS bytes
     FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace`,
  );
  return rows.filter(({ name }) => isMeant(name)).reduce((sum, { bytes }) => sum + Number(bytes), 0);
}

const told = (one: Minute) =>
  `${one.batches} batches, p50 ${one.p50} ms, p99 ${one.p99} ms, api ${one.apiMb.toFixed(0)} MB, worker ${one.workerMb.toFixed(0)} MB, under way ${one.movingMb.toFixed(1)} MB, kept ${(one.keptBytesPerBatch / 1024).toFixed(1)} kB a batch`;

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
