/** The floor of `table` on PostgreSQL: COPY into a temporary table, UPDATE, INSERT … SELECT, and a commit for each 5,000 rows. */
import { finished } from "node:stream/promises";
import pg from "pg";
import { serveParent } from "../kit/child.ts";
import { peer } from "../kit/needs.ts";
import { COMMIT, columnNames, rowOf, type TableMode } from "../kit/table.ts";

export interface TableRound {
  mode: TableMode;
  rows: number;
}

interface CopyStreams {
  from(statement: string): pg.Submittable & NodeJS.WritableStream;
}

const { from } = await peer<CopyStreams>("pg-copy-streams");
let client: pg.Client | null = null;
let lines: string[] = [];

const all = columnNames.join(", ");
const sets = columnNames.slice(1).map((name) => `${name} = s.${name}`);
const update = `UPDATE bench_order t SET ${sets.join(", ")} FROM staged s WHERE t.id = s.id`;
const insert = `INSERT INTO bench_order (${all}) SELECT ${all} FROM staged s`;
const unless = " WHERE NOT EXISTS (SELECT 1 FROM bench_order t WHERE t.id = s.id)";

async function connected(url: string): Promise<pg.Client> {
  if (client) return client;
  client = new pg.Client(url);
  await client.connect();
  await client.query("CREATE TEMPORARY TABLE staged (LIKE bench_order) ON COMMIT DELETE ROWS");
  return client;
}

/** Runs one round and answers rows per second. Mode `insert` skips the UPDATE. */
async function round({ url, mode, rows }: TableRound & { url: string }): Promise<number> {
  const db = await connected(url);
  if (lines.length !== rows) lines = Array.from({ length: rows }, (_, i) => `${rowOf(i + 1).join("\t")}\n`);
  const began = performance.now();
  for (let row = 0; row < rows; row += COMMIT) {
    await db.query("BEGIN");
    const copy = db.query(from(`COPY staged (${all}) FROM STDIN`));
    copy.end(lines.slice(row, row + COMMIT).join(""));
    await finished(copy);
    if (mode === "upsert") await db.query(update);
    await db.query(mode === "upsert" ? insert + unless : insert);
    await db.query("COMMIT");
  }
  return (rows / (performance.now() - began)) * 1000;
}

serveParent(round, () => void client?.end());
