/** The floor of pg-ingest: COPY of the same rows into the same table, one COPY and one commit per 5,000 rows. */
import { finished } from "node:stream/promises";
import pg from "pg";
import { serveParent } from "../kit/child.ts";
import { peer } from "../kit/needs.ts";
import { orderJson } from "../kit/orders.ts";

export interface CopyRound {
  url: string;
  rows: number;
  /** Rows of one COPY: as many as a chunk of the product has. */
  commit: number;
}

interface CopyStreams {
  from(statement: string): pg.Submittable & NodeJS.WritableStream;
}

const { from } = await peer<CopyStreams>("pg-copy-streams");
let client: pg.Client | null = null;
let lines: string[] = [];

async function connected(url: string): Promise<pg.Client> {
  if (client) return client;
  client = new pg.Client(url);
  await client.connect();
  return client;
}

/** Runs one round and answers rows per second. */
async function round({ url, rows, commit }: CopyRound): Promise<number> {
  const db = await connected(url);
  if (lines.length !== rows) lines = Array.from({ length: rows }, (_, i) => orderJson(i + 1));
  await db.query("TRUNCATE record");
  const began = performance.now();
  for (let row = 0; row < rows; row += commit) {
    let text = "";
    for (let i = row; i < Math.min(rows, row + commit); i++) text += `1\t${i + 1}\t${lines[i]}\n`;
    const copy = db.query(from("COPY record (batch_id, seq, data) FROM STDIN"));
    copy.end(text);
    await finished(copy);
  }
  const perSecond = (rows / (performance.now() - began)) * 1000;
  await db.query("TRUNCATE record");
  return perSecond;
}

serveParent(round, () => void client?.end());
