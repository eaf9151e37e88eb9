/** What a soak looks at: the processes, the database and the latencies, each as a row of points over the run. */
import { readdirSync } from "node:fs";
import type pg from "pg";
import { type DataFlowNode, memoryOf } from "../kit/node.ts";
import type { Line } from "../kit/report.ts";
import { megabytes, sizesOf } from "../kit/sizes.ts";
import type { Latency } from "./books.ts";
import { type Bound, judged, type Point } from "./growth.ts";

/** A node, and where its metrics are. */
export interface Watched {
  name: string;
  node: DataFlowNode;
  metrics: string;
}

/**
 * A leak of a few kB for each import is 100 MB an hour at this load. Memory moves by a seventh, because V8 collects now and then; the
 * heap by more. Tables move with autovacuum, which comes once a minute and leaves the room of deleted rows to new ones.
 */
const bounds = {
  memory: { unit: "MB", perHour: 60, share: 0.15, least: 10 },
  heap: { unit: "MB", perHour: 40, share: 0.25, least: 10 },
  files: { unit: "open", perHour: 20, share: 0.1, least: 5 },
  tables: { unit: "MB", perHour: 50, share: 0.25, least: 5 },
  rows: { unit: "rows", perHour: 1_000, share: 0.5, least: 100 },
  waiting: { unit: "waiting", perHour: 100, share: 0.5, least: 50 },
  /** Latency follows the load of the machine. */
  latency: { unit: "ms", perHour: 0, share: 0.6, least: 50 },
} satisfies Record<string, Bound>;
type What = keyof typeof bounds;

/** Tables whose growth is no fault: the company's own, whose rows no retention deletes. */
const isOurs = (name: string) => name !== "bench_order";
const TOLD = 5;

const counted = `SELECT (SELECT count(*) FROM batch)::int AS batches, (SELECT count(*) FROM record)::int AS records,
  (SELECT count(*) FROM outbox)::int AS outbox, (SELECT count(*) FROM delivery WHERE due_at IS NOT NULL)::int AS deliveries`;

export class Samples {
  readonly #rows = new Map<string, { what: What; points: Point[] }>();
  readonly #watched: Watched[];
  readonly #db: pg.Client;

  constructor(watched: Watched[], db: pg.Client) {
    this.#watched = watched;
    this.#db = db;
  }

  /** Takes one of everything, `at` seconds after the begin. Answers it in a line. */
  async take(at: number, latencies: Map<string, Latency>): Promise<string> {
    const nodes: string[] = [];
    for (const { name, node, metrics } of this.#watched) {
      const text = await metricsText(metrics);
      const memory = this.#note("memory", `${name}: resident memory`, at, megabytes(memoryOf(node.pid, "VmRSS")));
      const heap = this.#note("heap", `${name}: heap`, at, megabytes(sumOf(text, "nodejs_heap_size_used_bytes")));
      const files = this.#note("files", `${name}: file descriptors`, at, readdirSync(`/proc/${node.pid}/fd`).length);
      nodes.push(`${name} ${memory.toFixed(0)} MB, heap ${heap.toFixed(0)}, ${files} files`);
    }
    const database = await this.#takeDatabase(at);
    for (const [kind, { p50, p99 }] of latencies) {
      this.#note("latency", `${kind}: p50`, at, p50);
      this.#note("latency", `${kind}: p99`, at, p99);
    }
    const times = [...latencies].map(([kind, { p50, p99 }]) => `${kind} ${p50.toFixed(0)}/${p99.toFixed(0)}`);
    return [...nodes, database, `p50/p99 ms: ${times.join(", ")}`].join("; ");
  }

  async #takeDatabase(at: number): Promise<string> {
    const { rows } = await this.#db.query<Record<"batches" | "records" | "outbox" | "deliveries", number>>(counted);
    const { batches, records, outbox, deliveries } = rows[0] as (typeof rows)[number];
    const bytes = (await sizesOf(this.#db, isOurs)).reduce((sum, one) => sum + one.bytes, 0);
    this.#note("tables", "tables", at, megabytes(bytes));
    this.#note("rows", "batches in the database", at, batches);
    this.#note("rows", "records in the database", at, records);
    this.#note("waiting", "events in the outbox", at, outbox);
    this.#note("waiting", "webhook deliveries", at, deliveries);
    return `tables ${megabytes(bytes).toFixed(0)} MB, ${batches} batches, ${records} records, outbox ${outbox}, deliveries ${deliveries}`;
  }

  #note(what: What, label: string, at: number, value: number): number {
    const known = this.#rows.get(label);
    if (known) known.points.push({ at, value });
    else this.#rows.set(label, { what, points: [{ at, value }] });
    return value;
  }

  lines(): Line[] {
    return [...this.#rows].map(([label, { what, points }]) => judged(label, points, bounds[what]));
  }

  /** The largest tables now, in words. */
  async largest(): Promise<string> {
    const tables = (await sizesOf(this.#db, isOurs)).slice(0, TOLD);
    return tables.map(({ name, bytes }) => `${name} ${megabytes(bytes).toFixed(1)} MB`).join(", ");
  }
}

export async function metricsText(url: string): Promise<string> {
  const response = await fetch(url);
  if (response.status !== 200) throw new Error(`GET ${url}: ${response.status}`);
  return response.text();
}

/** A metric's value; the sum of those whose labels include the given text. Throws where the node has none. */
export function sumOf(text: string, name: string, label = ""): number {
  const samples = text.split("\n").filter((line) => new RegExp(`^${name}[ {]`).test(line) && line.includes(label));
  if (samples.length === 0) throw new Error(`No metric ${name}{${label}}`);
  return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}
