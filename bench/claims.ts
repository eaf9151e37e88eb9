/** The cost of choosing and claiming a batch: with few clients, and with very many, of which a tenth have waiting batches. */
import { type Database, openDatabase } from "../database/database.ts";
import { freshSchema } from "../test/helpers/database.ts";
import { isThere } from "./kit/needs.ts";
import { atEnd, newFolder } from "./kit/places.ts";
import { type Benchmark, type Line, quantile } from "./kit/report.ts";

const FEW = 100;
const MANY = 100_000;
/** Free places of a worker. */
const SLOTS = 4;
const LEASE_MS = 30_000;
const units = {
  claim: { label: "claim", most: 5 },
  candidates: { label: "candidates", most: 10 },
  overtaken: { label: "isOvertaken", most: 10 },
  commit: { label: "beside: one row written and committed", most: null },
};
type Unit = keyof typeof units;

/** How many times PostgreSQL plans a prepared statement anew. Then it may keep the plan, even if the tables grow. */
const OWN_PLANS = 6;

export const claims: Benchmark = async ({ size, rounds }) => {
  const times = rounds ?? (size === "quick" ? 50 : 300);
  const lines = await measured("SQLite", `sqlite:${newFolder()}/claims.db`, times);
  const notes: string[] = [];
  if (await isThere("postgres")) lines.push(...(await onPostgres(times)));
  else notes.push("PostgreSQL is left out: no server answers.");
  return {
    title: `claims: ${FEW} clients and ${MANY.toLocaleString("en-US")}, a tenth of them with two ready batches; p50 and p99 of ${times} each`,
    lines,
    notes,
  };
};

async function onPostgres(times: number): Promise<Line[]> {
  const { url, drop } = await freshSchema();
  const remove = atEnd(drop);
  const lines = await measured("PostgreSQL", url, times);
  await remove();
  return lines;
}

/** Measures with few clients first, then adds the many. */
async function measured(name: string, url: string, times: number): Promise<Line[]> {
  const db = await openDatabase({ url });
  await db.migrate();
  for (let n = 0; n < OWN_PLANS; n++) await round(db);
  await fill(db, 1, FEW);
  const few = await timed(db, times);
  await fill(db, FEW + 1, MANY);
  const many = await timed(db, times);
  await db.close();
  return (Object.keys(units) as Unit[]).map((unit) => line(name, unit, few[unit], many[unit]));
}

function line(name: string, unit: Unit, few: number[], many: number[]): Line {
  const { label, most } = units[unit];
  const told = (ms: number[]) => `${quantile(ms, 0.5).toFixed(2)} / ${quantile(ms, 0.99).toFixed(2)} ms`;
  const p50 = quantile(many, 0.5);
  return {
    label: `${name}: ${label}`,
    figure: `${told(few)} with few, ${told(many)} with many`,
    ratio: `${(p50 / quantile(few, 0.5)).toFixed(1)} times`,
    ...(most && { goal: { text: `≤ ${most} ms`, isMet: p50 <= most } }),
  };
}

type Times = Record<Unit, number[]>;

async function timed(db: Database, times: number): Promise<Times> {
  const all: Times = { claim: [], candidates: [], overtaken: [], commit: [] };
  for (let n = -10; n < times; n++) {
    const one = await round(db);
    if (n >= 0) for (const unit of Object.keys(all) as Unit[]) all[unit].push(one[unit]);
  }
  return all;
}

/** Chooses once, claims once, and asks once whether another client waits. Then hands the batch back for the next round. */
async function round({ store }: Database): Promise<Record<Unit, number>> {
  const [seen, candidates] = await clocked(() => store.candidates(SLOTS));
  const { id, clientId } = seen[0] ?? { id: 0, clientId: 0 };
  const [claimed, claim] = await clocked(() => store.claim(id, "bench", LEASE_MS));
  const [, commit] = await clocked(() => store.setQueue(clientId, 2, 1 + (clientId % 3)));
  const [, overtaken] = await clocked(() => store.isOvertaken(clientId));
  if (claimed)
    await store.move({
      id,
      from: "processing",
      to: "ready",
      due: { inMs: 0 },
      reason: null,
      attempt: "uncount",
      events: [],
    });
  return { claim, candidates, overtaken, commit };
}

async function clocked<T>(work: () => Promise<T>): Promise<[answer: T, ms: number]> {
  const began = performance.now();
  return [await work(), performance.now() - began];
}

/** Adds clients with some history; every tenth of them waits. */
async function fill({ sequelize, store }: Database, from: number, to: number): Promise<void> {
  const numbers = `WITH RECURSIVE n (i) AS (SELECT ${from} UNION ALL SELECT i + 1 FROM n WHERE i < ${to})`;
  await sequelize.query(`${numbers} INSERT INTO client_queue (client_id, running, pass, cap, weight)
    SELECT i, 0, (i * 7919) % 100003, 2, 1 + i % 3 FROM n`);
  const digits = "'10000000-0000-7000-8000-' || (100000000000 + 10 * i + b)";
  const id = sequelize.getDialect() === "postgres" ? `(${digits})::uuid` : digits;
  await sequelize.query(`${numbers} INSERT INTO batch (public_id, client_id, policy_version, state, format, envelope, bytes,
      records, chunks, phase, next_chunk, accepted, rejected, duplicate, fence, due_at, attempt, attempts_total, version, created_at)
    SELECT ${id}, i, 1, 'ready', 'ndjson', '{}', 1, 1, 1, 'deliver', 0, 0, 0, 0, 0, 1, 0, 0, 1, 0
    FROM n CROSS JOIN (SELECT 1 AS b UNION ALL SELECT 2) two WHERE i % 10 = 0`);
  for (let after: number | null = 0; after !== null; ) after = await store.repairQueues(after, 1_000);
}
