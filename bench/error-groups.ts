/** What it costs to count errors by field and code in the commit of their chunk, and to read a summary of ten million errors. */
import { readFileSync } from "node:fs";
import { type Database, openDatabase } from "../database/database.ts";
import type { FaultGroup } from "../formats/check/fault-groups.ts";
import type { ChunkCommit } from "../services/batch/batch.writes.domain.ts";
import { claimed } from "../test/integration/store/drafts.ts";
import { isThere } from "./kit/needs.ts";
import { ADMIN_TOKEN, startNode } from "./kit/node.ts";
import { orderJson } from "./kit/orders.ts";
import { newFolder } from "./kit/places.ts";
import { type Benchmark, type Line, median, quantile } from "./kit/report.ts";
import { newServerDatabase } from "./kit/servers.ts";

/** The default size of a chunk. One record of fifty is wrong. */
const RECORDS = 5_000;
const WRONG = 100;
const LEASE_MS = 600_000;
const CHUNKS_OF_A_BATCH = 20;
const MOST_COST = 5;
const MOST_MS = 20;
const WARM_UP = 20;

const sides = { without: 0, few: 5, many: 30 };
type Side = keyof typeof sides;

/** The cost of one commit: the time from the call to the answer, and the CPU time of the server's process and of ours. */
interface Cost {
  ms: number;
  server: number;
  node: number;
}

export const errorGroups: Benchmark = async ({ size, rounds }) => {
  const times = rounds ?? (size === "quick" ? 60 : 200);
  const errors = size === "quick" ? 500_000 : 10_000_000;
  const sqlite = await openDatabase({ url: `sqlite:${newFolder()}/groups.db` });
  await sqlite.migrate();
  const lines = await committed("SQLite", sqlite, times, async () => NO_SERVER);
  await sqlite.close();
  const notes = [
    "CPU time is that of the server's process and of the one that commits. A busy machine changes it less than the time.",
  ];
  if (await isThere("postgres")) lines.push(...(await onPostgres(times, errors)));
  else notes.push("PostgreSQL is left out: no server answers.");
  return {
    title: `error-groups: ${times} commits of ${RECORDS.toLocaleString("en-US")} records, ${WRONG} of them wrong; summary of ${errors.toLocaleString("en-US")} errors`,
    lines,
    notes,
  };
};

async function onPostgres(times: number, errors: number): Promise<Line[]> {
  const { url, drop } = await newServerDatabase();
  const db = await openDatabase({ url, connections: 1 });
  await db.migrate();
  const lines = await committed("PostgreSQL", db, times, () => serverCpu(db));
  lines.push(await summaries(url, db, errors));
  await db.close();
  await drop();
  return lines;
}

/** Answers the CPU time of the database's server so far, in ms. SQLite has no server. */
type CpuOf = () => number;
const NO_SERVER: CpuOf = () => 0;

/** Reads the CPU time of the store's busiest connection so far, precise to the microsecond. */
async function serverCpu({ sequelize }: Database): Promise<CpuOf> {
  const [found] = await sequelize.query(`SELECT pid FROM pg_stat_activity WHERE datname = current_database()
    AND pid <> pg_backend_pid() AND backend_type = 'client backend'`);
  const cpuOf = (pid: number) => Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]) / 1e6;
  const [busiest] = (found as { pid: number }[]).map(({ pid }) => pid).sort((a, b) => cpuOf(b) - cpuOf(a));
  if (!busiest) throw new Error("No connection of the store was found.");
  return () => cpuOf(busiest);
}

/** Measures the sides in turns, batch by batch. The rows of the written batch are always the last ones of their tables. */
async function committed(name: string, db: Database, times: number, clock: () => Promise<CpuOf>): Promise<Line[]> {
  const of = Object.keys(sides) as Side[];
  const costs: Record<Side, Cost[]> = { without: [], few: [], many: [] };
  const bodies = of.map((side) => bodyOf(sides[side]));
  let server = NO_SERVER;
  for (let turn = -1; turn < times / CHUNKS_OF_A_BATCH; turn++) {
    // The store may change its connection during the warm-up, so the busiest connection is chosen after it.
    if (turn === 0) server = await clock();
    // Rotates the order, so that each side is first, second and last equally often.
    for (let n = 0; n < of.length; n++) {
      const i = (n + turn + of.length) % of.length;
      const all = await wholeBatch(db, bodies[i] as Body, server);
      if (turn >= 0) costs[of[i] as Side].push(...all);
    }
  }
  return of.map((side) => lineOf(`${name}: ${labels[side]}`, costs[side], costs.without));
}

let clients = 0;

async function wholeBatch({ store }: Database, body: Body, server: CpuOf): Promise<Cost[]> {
  const { id, fence } = await claimed(store, ++clients);
  const costs: Cost[] = [];
  for (let chunk = 0; chunk < CHUNKS_OF_A_BATCH; chunk++) {
    const place = { id, fence, chunk, firstRecord: chunk * RECORDS + 1 };
    const next = { phase: "deliver" as const, chunk: chunk + 1 };
    costs.push(await costOf(server, () => store.commitChunk({ ...body, ...place, next })));
  }
  return costs;
}

const labels: Record<Side, string> = {
  without: "commit without groups",
  few: `${sides.few} groups a chunk`,
  many: `${sides.many} groups a chunk`,
};

async function costOf(server: CpuOf, work: () => Promise<unknown>): Promise<Cost> {
  const [cpu, at, began] = [process.cpuUsage(), server(), performance.now()];
  if (!(await work())) throw new Error("A chunk was not written.");
  const ms = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  return { ms, server: server() - at, node: (user + system) / 1000 };
}

/** Compares medians, so that a few disturbed commits do not change the result. */
function lineOf(label: string, costs: Cost[], floor: Cost[]): Line {
  const part = (of: Cost[], one: (cost: Cost) => number) => median(of.map(one));
  const [ms, cpu] = [({ ms }: Cost) => ms, ({ server, node }: Cost) => server + node];
  const { server, node } = { server: part(costs, (cost) => cost.server), node: part(costs, (cost) => cost.node) };
  const figure = `p50 ${part(costs, ms).toFixed(2)} ms, CPU ${server.toFixed(2)} + ${node.toFixed(2)} ms`;
  if (costs === floor) return { label, figure };
  const more = (one: (cost: Cost) => number) => 100 * (part(costs, one) / part(floor, one) - 1);
  const goal = { text: `≤ ${MOST_COST} % more CPU`, isMet: more(cpu) <= MOST_COST };
  return { label, figure, ratio: `${signed(more(ms))} time, ${signed(more(cpu))} CPU`, goal };
}

const signed = (percent: number) => `${percent < 0 ? "−" : "+"}${Math.abs(percent).toFixed(1)} %`;

type Body = Omit<ChunkCommit, "id" | "fence" | "chunk" | "firstRecord" | "next">;

/** A body with the same records and errors for each side. The sides differ only in the number of error groups. */
function bodyOf(groups: number): Body {
  const kinds = groups || sides.many;
  const field = (n: number) => `lines[].field-${n % kinds}`;
  const message = "must be a number";
  const errors = Array.from({ length: WRONG }, (_, n) => ({
    index: n * (RECORDS / WRONG),
    line: n + 1,
    raw: orderJson(n),
    errors: [{ field: field(n), code: "type", message, value: `value ${n}` }],
  }));
  const wrong = new Set(errors.map(({ index }) => index));
  const texts = Array.from({ length: RECORDS }, (_, n) => orderJson(n + 1)).filter((_, n) => !wrong.has(n));
  const grouped = Array.from(
    { length: groups },
    (_, n): FaultGroup => ({
      field: field(n),
      code: "type",
      count: Math.floor(WRONG / kinds),
      firstRecord: n * (RECORDS / WRONG),
      firstLine: n + 1,
      message,
      values: [0, 1, 2, 3, 4].map((i) => `value ${n + i * kinds}`),
    }),
  );
  return {
    leaseMs: LEASE_MS,
    records: RECORDS,
    text: Buffer.from(texts.join("\n")),
    errors,
    unlisted: [],
    counts: { accepted: RECORDS - WRONG, rejected: WRONG, duplicate: 0 },
    end: null,
    ...(groups > 0 && { grouped: { groups: grouped, other: 0 } }),
  };
}

/** Errors that one statement inserts. A larger number could exceed the statement's timeout. */
const PIECE = 500_000;
const GROUPS = 500;

/** Makes a batch with this many errors, one row each, in as many groups as the store keeps. */
async function fill({ sequelize, store }: Database, errors: number): Promise<string> {
  const { id, publicId } = await claimed(store, 1);
  await sequelize.query("SET statement_timeout = 0");
  for (let from = 0; from < errors; from += PIECE)
    await sequelize.query(`INSERT INTO record_error (batch_id, seq, n, line, field, code, message)
      SELECT ${id}, i + 1, 0, i + 1, 'field-' || i % ${GROUPS}, 'type', 'must be a number' FROM generate_series(${from}, ${from + PIECE - 1}) i`);
  await sequelize.query(`INSERT INTO error_group (batch_id, pass, name, field, code, message, examples, n, first_record, first_line)
    SELECT ${id}, 0, md5(i::text), 'field-' || i, 'type', 'must be a number', '"one"' || chr(10) || '"two"', ${errors / GROUPS}, i + 1, i + 1
    FROM generate_series(0, ${GROUPS - 1}) i`);
  await sequelize.query(`UPDATE batch_work SET rejected = ${errors}, faults = ${errors} WHERE batch_id = ${id}`);
  await sequelize.query("ANALYZE record_error; ANALYZE error_group");
  return publicId;
}

/** Measures the summary as a client gets it from a node over HTTP. */
async function summaries(url: string, db: Database, errors: number): Promise<Line> {
  const id = await fill(db, errors);
  const node = await startNode({ DATABASE_URL: url, SWEEP_INTERVAL: "60s" }, "start:api");
  const times: number[] = [];
  for (let round = -WARM_UP; round < 50; round++) {
    const began = performance.now();
    const response = await fetch(`${node.url}/admin/batches/${id}/errors/summary`, {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    const { total, groups } = (await response.json()) as { total: number; groups: unknown[] };
    if (total !== errors || groups.length !== 200)
      throw new Error(`${total} errors were told in ${groups.length} groups.`);
    if (round >= 0) times.push(performance.now() - began);
  }
  await node.stop();
  const p50 = median(times);
  return {
    label: "PostgreSQL: GET …/errors/summary",
    figure: `p50 ${p50.toFixed(1)} ms, p90 ${quantile(times, 0.9).toFixed(1)} ms, fastest ${Math.min(...times).toFixed(1)} ms`,
    goal: { text: `p50 ≤ ${MOST_MS} ms`, isMet: p50 <= MOST_MS },
  };
}
