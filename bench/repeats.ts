/** What it costs a small import to be known again: by a key of its own, by its content, by both. */
import { randomBytes } from "node:crypto";
import pg from "pg";
import { openDatabase } from "../database/database.ts";
import { startChild } from "./kit/child.ts";
import { newPartner } from "./kit/http.ts";
import { type Load, type Loaded, MARK } from "./kit/load.ts";
import { startNode } from "./kit/node.ts";
import { ordersBody } from "./kit/orders.ts";
import { againstFloor, type Benchmark, type Line, rate } from "./kit/report.ts";
import { inTurns } from "./kit/rounds.ts";

const CONNECTIONS = 16;
const RECORDS = 100;
/** No workers: they would take their share of the machine from whom they like. */
const DOOR = "api,rateLimiter,clientCache,policy,batch,outbox";
const SERVER = process.env.TEST_POSTGRES_URL ?? "postgres://postgres@127.0.0.1:5432/test";
/** Each upload has content of its own, or the second would be a duplicate. */
const body = ordersBody("ndjson", RECORDS).toString().replace("customer-", `customer-${MARK}`);

export const repeats: Benchmark = async ({ size, rounds }) => {
  const ms = size === "quick" ? 2_000 : 4_000;
  const times = rounds ?? (size === "quick" ? 3 : 7);
  const lines = await measured("SQLite", {}, ms, times);
  const schema = await newSchema();
  if (schema) lines.push(...(await measured("PostgreSQL", { DATABASE_URL: schema.url }, ms, times)));
  await schema?.drop();
  return {
    title: `repeats: POST /imports of ${RECORDS} records, ${CONNECTIONS} connections; ${times} rounds of ${ms / 1000} s`,
    lines,
    notes: schema ? [] : [`PostgreSQL is left out: no server at ${SERVER} (TEST_POSTGRES_URL).`],
  };
};

async function measured(name: string, env: Record<string, string>, ms: number, times: number): Promise<Line[]> {
  const node = await startNode({ SERVICES: DOOR, ...env });
  const generator = startChild<Load, Loaded>("kit/load.ts");
  const key = `idempotency-key: "bench-${MARK}"`;
  const heads = {
    plain: await headFor(node.url, "allow", []),
    key: await headFor(node.url, "allow", [key]),
    content: await headFor(node.url, "reject", []),
    both: await headFor(node.url, "reject", [key]),
  };
  const port = Number(new URL(node.url).port);
  const loaded = async (head: string) =>
    (await generator.ask({ port, head, connections: CONNECTIONS, ms, body })).perSecond;
  const figures = await inTurns(times, {
    plain: () => loaded(heads.plain),
    key: () => loaded(heads.key),
    content: () => loaded(heads.content),
    both: () => loaded(heads.both),
  });
  await Promise.all([node.stop(), generator.stop()]);
  return [
    { label: `${name}: neither`, figure: rate(figures.plain, "req/s") },
    againstFloor(`${name}: with Idempotency-Key`, figures.key, figures.plain, "req/s", 85),
    againstFloor(`${name}: with dedup "reject"`, figures.content, figures.plain, "req/s", 85),
    againstFloor(`${name}: with both`, figures.both, figures.plain, "req/s", 85),
  ];
}

async function headFor(url: string, dedup: string, more: string[]): Promise<string> {
  const { auth } = await newPartner(url, { dedup, maxConcurrentBatches: 1_000, maxConcurrentUploads: 1_000 });
  const fields = [`host: ${new URL(url).host}`, "content-type: application/x-ndjson", `authorization: ${auth}`];
  return ["POST /imports HTTP/1.1", ...fields, ...more].join("\r\n");
}

/** A migrated schema of its own; null: no server answers. */
async function newSchema(): Promise<{ url: string; drop(): Promise<void> } | null> {
  const schema = `bench_${process.pid}_${randomBytes(4).toString("hex")}`;
  try {
    await onServer(`CREATE SCHEMA ${schema}`);
  } catch {
    return null;
  }
  const url = `${SERVER}?options=-c%20search_path%3D${schema}`;
  const database = await openDatabase({ url });
  await database.migrate();
  await database.close();
  return { url, drop: () => onServer(`DROP SCHEMA ${schema} CASCADE`) };
}

async function onServer(statement: string): Promise<void> {
  const client = new pg.Client(SERVER);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
