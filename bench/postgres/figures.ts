/** What an operator's dashboard costs: `/metrics` and `/admin/stats` of an api node while PostgreSQL has millions of batches. */
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { newCluster } from "../kit/cluster.ts";
import { ADMIN_TOKEN } from "../kit/node.ts";
import { type Benchmark, type Line, median, quantile } from "../kit/report.ts";

const GOAL_MS = 20;
/** A node caches these answers for a second. After this pause each request reads the database again. */
const PACE_MS = 1_100;
const PIECE = 500_000;
const CLIENTS = 1_000;

/** The state of the n-th batch: nine of ten have ended, and the rest wait. The client of a running batch has reached its cap. */
const stateOf = `CASE WHEN n % 10 = 0 THEN 'ready' WHEN n % 100 = 1 THEN 'failed' WHEN n % 5000 = 2 THEN 'held'
  WHEN n % 200000 = 3 THEN 'processing' ELSE 'completed' END`;

const insert = `INSERT INTO batch (public_id, client_id, policy_version, state, format, envelope, bytes, records, chunks, phase,
    next_chunk, accepted, rejected, duplicate, fence, owner, due_at, attempt, attempts_total, version, created_at, ready_at)
  SELECT gen_random_uuid(), 1 + n % ${CLIENTS}, 1, s, 'ndjson', '{}', 20000, 100, 0, 'deliver', 1, 100, 0, 0, 1,
    CASE s WHEN 'processing' THEN 'worker-1:1' END, at + CASE s WHEN 'ready' THEN 0 ELSE 2592000000 END, 1, 1, 3, at, at
  FROM generate_series($1::int, $2::int) n, LATERAL (SELECT ${stateOf} AS s,
    (extract(epoch FROM now()) * 1000)::bigint - 1000 AS at) made`;

async function fill(url: string, batches: number): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query(`INSERT INTO client_queue (client_id, running, pass, cap, weight)
    SELECT n, 0, 0, 1, 1 FROM generate_series(1, ${CLIENTS}) n`);
  for (let from = 1; from <= batches; from += PIECE)
    await client.query(insert, [from, Math.min(from + PIECE - 1, batches)]);
  await client.query(`UPDATE client_queue q SET running = r.n FROM (SELECT client_id, count(*) AS n FROM batch
    WHERE state = 'processing' GROUP BY client_id) r WHERE r.client_id = q.client_id`);
  // On a real server autovacuum does this work while batches come in.
  await client.query("VACUUM ANALYZE batch");
  await client.end();
}

async function asked(url: string, expected: RegExp): Promise<number> {
  await pause(PACE_MS);
  const began = performance.now();
  const response = await fetch(url, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
  const body = await response.text();
  const ms = performance.now() - began;
  if (response.status !== 200 || !expected.test(body)) throw new Error(`${url}: ${response.status} ${body}`);
  return ms;
}

const line = (label: string, times: number[]): Line => ({
  label,
  figure: `p50 ${median(times).toFixed(1)} ms, p90 ${quantile(times, 0.9).toFixed(1)} ms, fastest ${Math.min(...times).toFixed(1)} ms`,
  goal: { text: `p50 ≤ ${GOAL_MS} ms`, isMet: median(times) <= GOAL_MS },
});

export const figures: Benchmark = async ({ size, rounds }) => {
  const batches = size === "quick" ? 500_000 : 10_000_000;
  const times = rounds ?? 20;
  const cluster = await newCluster({ SWEEP_INTERVAL: "60s" });
  await fill(cluster.databaseUrl, batches);
  const { url } = await cluster.start("start:api");
  const metrics: number[] = [];
  const stats: number[] = [];
  for (let round = -3; round < times; round++) {
    const read = await asked(`${url}/metrics`, new RegExp(`dataflow_batches\\{state="ready"\\} ${batches / 10}\n`));
    const told = await asked(`${url}/admin/stats`, new RegExp(`"ready":${batches / 10},`));
    // The first rounds warm up: V8 compiles the code.
    if (round < 0) continue;
    metrics.push(read);
    stats.push(told);
  }
  await cluster.stop();
  return {
    title: `figures: an api node, ${batches.toLocaleString("en-US")} batches in PostgreSQL, ${(batches / 10).toLocaleString("en-US")} of them ready; ${times} rounds`,
    lines: [line("GET /metrics", metrics), line("GET /admin/stats", stats)],
  };
};
