/**
 * What partitioning `record` by batch id gains and costs: the time of inserting, the time of removing half of the rows, and the
 * size afterwards.
 */
import pg from "pg";
import { type Database, openDatabase } from "../../database/database.ts";
import { isOver, ready } from "../../test/integration/store/drafts.ts";
import { needs } from "../kit/needs.ts";
import type { Benchmark, Line } from "../kit/report.ts";
import { newDatabase } from "../kit/servers.ts";

const BATCHES = 100;
const PARTITIONS = 50;
/** Rows of a commit, and rows that one delete removes, as in the product. */
const CHUNK = 5_000;
const sizes = { quick: 500_000, usual: 3_000_000, full: 10_000_000 };

const insert = (table: string) => `INSERT INTO ${table} (batch_id, seq, data)
  SELECT $1::bigint, $2::bigint + t.n - 1, t.data FROM string_to_table($3::text, E'\n') WITH ORDINALITY AS t(data, n)`;
const text = Array.from({ length: CHUNK }, (_, n) => `{"order_id":"A-${n}","quantity":3,"price":12.5}`).join("\n");

interface Cost {
  seconds: number;
  /** Bytes written to the server's write-ahead log (WAL). */
  log: number;
}

async function cost(client: pg.Client, work: () => Promise<unknown>): Promise<Cost> {
  const at = async () => (await client.query("SELECT pg_current_wal_lsn() AS lsn")).rows[0].lsn as string;
  const [lsn, began] = [await at(), performance.now()];
  await work();
  const seconds = (performance.now() - began) / 1_000;
  const { rows } = await client.query("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), $1)::float8 AS bytes", [lsn]);
  return { seconds, log: rows[0].bytes };
}

async function fill(client: pg.Client, table: string, ids: number[], each: number): Promise<void> {
  for (const id of ids)
    for (let first = 1; first <= each; first += CHUNK) await client.query(insert(table), [id, first, text]);
}

async function sizeOf(client: pg.Client, table: string): Promise<number> {
  const { rows } = await client.query(
    `SELECT sum(pg_total_relation_size(oid))::float8 AS bytes FROM pg_class WHERE oid = '${table}'::regclass
       OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = '${table}'::regclass)`,
  );
  return rows[0].bytes;
}

/** Creates a partitioned table with the keys of `record`, and the same number of batches in each partition. */
async function partitioned(client: pg.Client, ids: number[]): Promise<void> {
  await client.query("CREATE TABLE parted (LIKE record INCLUDING ALL) PARTITION BY RANGE (batch_id)");
  const step = ids.length / PARTITIONS;
  for (let n = 0; n < PARTITIONS; n++) {
    const bounds = [ids[n * step] as number, ids[(n + 1) * step] ?? (ids.at(-1) as number) + 1];
    await client.query(`CREATE TABLE parted_${n} PARTITION OF parted FOR VALUES FROM (${bounds[0]}) TO (${bounds[1]})`);
  }
}

/** Removes records as the retention service of one node does, but without its pauses. Answers the longest delete in ms. */
async function removed(db: Database, ids: number[]): Promise<number> {
  let longest = 0;
  for (const id of ids) {
    for (let last = ""; last !== "done"; ) {
      const began = performance.now();
      last = await db.store.deleteBatch(id, CHUNK);
      longest = Math.max(longest, performance.now() - began);
    }
  }
  return longest;
}

const mb = (bytes: number) => `${Math.round(bytes / 2 ** 20).toLocaleString("en-US")} MB`;

export const partitions: Benchmark = async ({ size }) => {
  await needs(["postgres"]);
  const records = sizes[size];
  const each = records / BATCHES;
  const { url, drop } = await newDatabase();
  const db = await openDatabase({ url });
  const client = new pg.Client(url);
  await client.connect();
  const lines: Line[] = [];
  const line = (label: string, { seconds, log }: Cost, rows?: number) =>
    lines.push({
      label,
      figure: `${rows ? `${Math.round(rows / seconds).toLocaleString("en-US")} records/s` : `${seconds.toFixed(2)} s`}, ${mb(log)} of log`,
    });
  const sized = (label: string, bytes: number) => lines.push({ label, figure: mb(bytes) });

  const ids: number[] = [];
  while (ids.length < BATCHES) ids.push((await ready(db.store, 1, { chunks: [] })).id);
  await partitioned(client, ids);
  const [due, kept] = [ids.slice(0, BATCHES / 2), ids.slice(BATCHES / 2)];
  const tables = [
    { name: "plain", table: "record", total: { seconds: 0, log: 0 } },
    { name: `${PARTITIONS} partitions`, table: "parted", total: { seconds: 0, log: 0 } },
  ];
  // Takes the tables in turns, so that other work of the machine affects both.
  for (const id of ids)
    for (const { table, total } of tables) {
      const { seconds, log } = await cost(client, () => fill(client, table, [id], each));
      total.seconds += seconds;
      total.log += log;
    }
  for (const { name, table, total } of tables) {
    line(`${name}: inserted`, total, records);
    sized(`${name}: size`, await sizeOf(client, table));
  }
  await client.query("VACUUM ANALYZE record");

  for (const id of due) await isOver(db, id);
  let longest = 0;
  const pieces = await cost(client, async () => {
    longest = await removed(db, due);
  });
  line("plain: a half removed in pieces", pieces, records / 2);
  lines.push({ label: "plain: the longest piece", figure: `${longest.toFixed(0)} ms` });
  line("plain: the vacuum after it", await cost(client, () => client.query("VACUUM record")));
  sized("plain: size after it", await sizeOf(client, "record"));
  const again = due.map((id) => id + 10 * BATCHES);
  line("plain: as many inserted again", await cost(client, () => fill(client, "record", again, each)), records / 2);
  sized("plain: size after that", await sizeOf(client, "record"));
  const dropped = Array.from({ length: PARTITIONS / 2 }, (_, n) => `parted_${n}`);
  line(
    `partitions: ${dropped.length} dropped, one by one`,
    await cost(client, async () => {
      for (const one of dropped) await client.query(`DROP TABLE ${one}`);
    }),
  );
  sized("partitions: size after it", await sizeOf(client, "parted"));
  const { rows } = await client.query(
    "SELECT count(DISTINCT batch_id)::int AS n FROM record WHERE batch_id = ANY($1)",
    [kept],
  );
  if (rows[0].n !== kept.length) throw new Error("A batch that was to stay is gone.");
  await client.end();
  await db.close();
  await drop();
  return {
    title: `partitions: ${records.toLocaleString("en-US")} records of ${BATCHES} batches in the plain table and in ${PARTITIONS} partitions, ${CHUNK.toLocaleString("en-US")} a commit`,
    lines,
  };
};
