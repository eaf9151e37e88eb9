/**
 * The rate of records that become rows of the company's own table, from the first byte of the POST to the completed batch,
 * compared with a bare loop that writes the same rows. It runs on SQLite and on PostgreSQL.
 */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import pg from "pg";
import type { TableRound } from "./floors/table-copy.ts";
import { startChild } from "./kit/child.ts";
import { newCluster } from "./kit/cluster.ts";
import { endOf, newPartner, type Partner, slices, upload } from "./kit/http.ts";
import { CannotRun } from "./kit/needs.ts";
import { cpuOf, type DataFlowNode, startNode } from "./kit/node.ts";
import { orderSchema, ordersBody } from "./kit/orders.ts";
import { newFolder } from "./kit/places.ts";
import { againstFloor, type Benchmark, inTurns, type Line, median, rate } from "./kit/report.ts";
import { newDatabase } from "./kit/servers.ts";
import { COMMIT, createText, fillText, type TableMode, tableDocument, withWrong } from "./kit/table.ts";

/** A database with the table, and the bare loop that writes to it. */
interface Place {
  name: string;
  url: string;
  /** The DataFlow process that writes the rows. */
  worker: DataFlowNode;
  goal: number;
  /** Empties the table. For mode `upsert`, half of the keys exist already. */
  reset(mode: TableMode): Promise<void>;
  floor(mode: TableMode): Promise<number>;
  end(): Promise<void>;
}

const env = { TABLES_ALLOWED: "*" };

async function onSqlite(rows: number): Promise<Place> {
  const file = join(newFolder(), "table.db");
  const node = await startNode({ ...env, DATABASE_URL: `sqlite:${file}` });
  const db = new DatabaseSync(file, { timeout: 30_000 });
  db.exec(createText("sqlite"));
  const bare = startChild<TableRound, number>("floors/table-statements.ts");
  return {
    name: "SQLite",
    url: node.url,
    worker: node,
    goal: 40,
    async reset(mode) {
      db.exec("DELETE FROM bench_order");
      if (mode === "upsert") db.exec(fillText(rows));
    },
    floor: (mode) => bare.ask({ mode, rows }),
    async end() {
      db.close();
      await Promise.all([node.stop(), bare.stop()]);
    },
  };
}

async function onPostgres(rows: number): Promise<Place> {
  const cluster = await newCluster(env, ["pg-copy-streams"]);
  const own = await newDatabase();
  const [api, worker] = [await cluster.start("start:api"), await cluster.start("start:worker")];
  const [db, beside] = [new pg.Client(cluster.databaseUrl), new pg.Client(own.url)];
  for (const one of [db, beside]) {
    await one.connect();
    await one.query(createText("postgres"));
  }
  const bare = startChild<TableRound & { url: string }, number>("floors/table-copy.ts");
  const reset = async (one: pg.Client, mode: TableMode) => {
    await one.query("TRUNCATE bench_order, record");
    if (mode === "upsert") await one.query(`${fillText(rows)}; ANALYZE bench_order`);
  };
  return {
    name: "PostgreSQL",
    url: api.url,
    worker,
    goal: 50,
    reset: (mode) => reset(db, mode),
    async floor(mode) {
      await reset(beside, mode);
      return bare.ask({ url: own.url, mode, rows });
    },
    async end() {
      await Promise.all([db.end(), beside.end()]);
      await bare.stop();
      await own.drop();
      await cluster.stop();
    },
  };
}

export const table: Benchmark = async ({ size, rounds }) => {
  const rows = size === "quick" ? 50_000 : 200_000;
  const times = rounds ?? (size === "quick" ? 3 : 7);
  const lines: Line[] = [];
  const notes: string[] = [];
  for (const open of [onSqlite, onPostgres])
    try {
      const told = await measured(await open(rows), rows, times);
      lines.push(...told.lines);
      notes.push(...told.notes);
    } catch (error) {
      if (!(error instanceof CannotRun)) throw error;
      notes.push(`PostgreSQL is left out: ${error.message}`);
    }
  return {
    title: `table: ${rows.toLocaleString("en-US")} orders over HTTP until all are rows of a table of ten columns; ${times} rounds`,
    lines,
    notes,
  };
};

async function measured(place: Place, rows: number, times: number) {
  const cpu: Record<string, number[]> = {};
  const bodies = {
    right: ordersBody("ndjson", rows),
    few: ordersBody("ndjson", rows, withWrong(COMMIT)),
    many: ordersBody("ndjson", rows, withWrong(100)),
  };
  const policy = { schema: orderSchema, chunkRecords: COMMIT };
  const into = (mode: TableMode) => newPartner(place.url, { ...policy, handler: "table", table: tableDocument(mode) });
  const partners = { insert: await into("insert"), upsert: await into("upsert") };
  const plain = await newPartner(place.url, policy);

  const imported = async (who: Partner, body: Buffer, wrong: number) => {
    const began = Date.now();
    const { id } = await upload(who, "ndjson", slices(body));
    const { finishedAt, counts } = await endOf(who, id, wrong > 0 ? "completed_with_errors" : "completed");
    if (counts.accepted !== rows - wrong) throw new Error(`${counts.accepted} of ${rows} were accepted.`);
    return (rows / (Date.parse(finishedAt as string) - began)) * 1000;
  };
  const counted = (name: string, mode: TableMode, round: () => Promise<number>) => async (isWarmUp: boolean) => {
    await place.reset(mode);
    const before = cpuOf(place.worker.pid);
    const figure = await round();
    if (!isWarmUp) cpu[name] = [...(cpu[name] ?? []), cpuOf(place.worker.pid) - before];
    return figure;
  };
  const figures = await inTurns(times, {
    bareInsert: () => place.floor("insert"),
    insert: counted("insert", "insert", () => imported(partners.insert, bodies.right, 0)),
    bareUpsert: () => place.floor("upsert"),
    upsert: counted("upsert", "upsert", () => imported(partners.upsert, bodies.right, 0)),
    few: counted("one wrong a chunk", "upsert", () => imported(partners.upsert, bodies.few, rows / COMMIT)),
    many: counted("1 % wrong", "upsert", () => imported(partners.upsert, bodies.many, rows / 100)),
    store: counted("store", "insert", () => imported(plain, bodies.right, 0)),
  });
  await place.end();
  const named = (label: string) => `${place.name}: ${label}`;
  return {
    lines: [
      { label: named("bare loop, insert"), figure: rate(figures.bareInsert, "rows/s") },
      againstFloor(named("insert"), figures.insert, figures.bareInsert, "rows/s", place.goal),
      { label: named("bare loop, upsert"), figure: rate(figures.bareUpsert, "rows/s") },
      againstFloor(named("upsert"), figures.upsert, figures.bareUpsert, "rows/s", place.goal),
      againstRight(named("one wrong row in each chunk"), figures.few, figures.upsert),
      againstRight(named("1 % of all rows wrong"), figures.many, figures.upsert),
      { label: named("store"), figure: rate(figures.store, "rows/s") },
    ],
    notes: [`${place.name}: CPU time of the worker's process in a round: ${told(cpu)}.`],
  };
}

/** Compares the rate of wrong rows with the rate of right ones. */
function againstRight(label: string, values: number[], right: number[]): Line {
  const times = median(values) / median(right);
  const goal = { text: "≥ 0.45", isMet: times >= 0.45 };
  return { label, figure: rate(values, "rows/s"), ratio: `${times.toFixed(2)} of the upsert`, goal };
}

const told = (cpu: Record<string, number[]>): string =>
  Object.entries(cpu)
    .map(([name, ms]) => `${name} ${median(ms)} ms`)
    .join(", ");
