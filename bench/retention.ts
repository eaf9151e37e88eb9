/** How soon the batch of a dead worker is ready again while the retention removes millions of records of other batches. */
import { setTimeout as pause } from "node:timers/promises";
import { type Database, openDatabase } from "../database/database.ts";
import type { BatchRow } from "../services/batch/batch.domain.ts";
import { isOver, ready, upload as uploaded } from "../test/integration/store/drafts.ts";
import { newPartner, upload } from "./kit/http.ts";
import { needs } from "./kit/needs.ts";
import { ADMIN_TOKEN, startNode } from "./kit/node.ts";
import { type Benchmark, median } from "./kit/report.ts";
import { newDatabase } from "./kit/servers.ts";

const LEASE_MS = 2_000;
const SWEEP_MS = 1_000;
const MOST_MS = LEASE_MS + SWEEP_MS + 1_000;
const BATCHES = 4;
const sizes = { quick: 300_000, usual: 3_000_000, full: 10_000_000 };
/** No worker runs, so nobody claims the batches of the dead worker again. */
const services = "api,batch,batchLock,clientCache,outbox,policy,rateLimiter";

async function select<T>({ sequelize }: Database, sql: string): Promise<T[]> {
  return (await sequelize.query(sql))[0] as T[];
}

/** Makes batches that are past their retention, with `records` records in all. */
async function overdue(db: Database, records: number): Promise<void> {
  const ids: number[] = [];
  for (let n = 1; n <= BATCHES; n++) {
    const { id } = await ready(db.store, n, { chunks: [], totals: { ...uploaded(n).totals, chunks: 0 } });
    ids.push(id);
    const each = records / BATCHES;
    for (let first = 1; first <= each; first += 100_000)
      await select(
        db,
        `INSERT INTO record SELECT ${id}, n, '{"order_id":"A-' || n || '","quantity":3,"price":12.5}'
         FROM generate_series(${first}, ${Math.min(each, first + 99_999)}) n`,
      );
  }
  for (const id of ids) await isOver(db, id);
}

/** Claims a batch for a worker that dies at once. Answers the time until the batch is ready again. */
async function takeover(db: Database, { id, publicId }: BatchRow): Promise<number> {
  const { store } = db;
  // Each lost worker counts as an attempt, and the benchmark loses more workers than a batch may have attempts.
  await select(db, `UPDATE batch SET attempt = 0 WHERE id = ${id}`);
  if (!(await store.claim(id, "dead:1", LEASE_MS))) throw new Error("Nothing was claimed.");
  const began = performance.now();
  while ((await store.batch(publicId, null))?.state !== "ready") await pause(10);
  return performance.now() - began;
}

/** Redrives a failed batch with this many errors, and measures how long the answer takes. */
async function redrive(db: Database, url: string, { id, publicId }: BatchRow, errors: number): Promise<number> {
  for (let first = 1; first <= errors; first += 100_000)
    await select(
      db,
      `INSERT INTO record_error (batch_id, seq, n, line, field, code, message, raw)
       SELECT ${id}, n, 0, n, 'quantity', 'type', 'expected a number', '{"order_id":"A-1","quantity":"three"}'
       FROM generate_series(${first}, ${Math.min(errors, first + 99_999)}) n`,
    );
  const retained = "due_at = due_at + 86400000";
  await select(db, `UPDATE batch SET state = 'failed', phase = 'validate', ${retained} WHERE id = ${id}`);
  const began = performance.now();
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" };
  const answer = await fetch(`${url}/admin/batches/${publicId}/redrive`, { method: "POST", headers, body: "{}" });
  if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`);
  return performance.now() - began;
}

export const retention: Benchmark = async ({ size }) => {
  await needs(["postgres"]);
  const records = sizes[size];
  const { url, drop } = await newDatabase();
  const db = await openDatabase({ url });
  const node = await startNode({
    DATABASE_URL: url,
    SERVICES: services,
    BATCH_LEASE: `${LEASE_MS}ms`,
    SWEEP_INTERVAL: `${SWEEP_MS}ms`,
  });
  const partner = await newPartner(node.url);
  const { id: publicId } = await upload(partner, "ndjson", [Buffer.from('{"id":1}\n')]);
  const busy = (await db.store.batch(publicId, null)) as BatchRow;
  const idle = [await takeover(db, busy), await takeover(db, busy)];
  const redriven = await redrive(db, node.url, busy, records);
  await overdue(db, records);
  const began = performance.now();
  const times: number[] = [];
  do times.push(await takeover(db, busy));
  while (
    (await select(db, "SELECT 1 FROM batch WHERE state = 'cancelled' UNION ALL SELECT 1 FROM stale_errors")).length > 0
  );
  const seconds = (performance.now() - began) / 1_000;
  await node.stop();
  await db.close();
  await drop();
  const most = Math.max(...times);
  return {
    title: `retention: a lapsed lease (${LEASE_MS} ms, a sweep each ${SWEEP_MS} ms) while ${records.toLocaleString("en-US")} records and as many errors of an earlier pass are removed; ${times.length} takeovers`,
    lines: [
      { label: "without a removal", figure: `${median(idle).toFixed(0)} ms` },
      {
        label: "meanwhile",
        figure: `${median(times).toFixed(0)} ms, at most ${most.toFixed(0)} ms`,
        goal: { text: `≤ ${MOST_MS} ms`, isMet: most <= MOST_MS },
      },
      {
        label: "redrive of the batch with these errors",
        figure: `${redriven.toFixed(0)} ms`,
        goal: { text: "≤ 1000 ms", isMet: redriven <= 1_000 },
      },
      { label: "removed", figure: `${Math.round((2 * records) / seconds).toLocaleString("en-US")} records/s` },
    ],
  };
};
