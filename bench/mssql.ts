/**
 * The rate at which the records of batches are committed into SQL Server, chunk by chunk, compared with a bare bulk load of the
 * same rows.
 */
import mssql from "mssql";
import { type Database, openDatabase } from "../database/database.ts";
import { configOf } from "../database/dialects/mssql/url.ts";
import { freshMssqlDatabase } from "../test/helpers/mssql.ts";
import { claimed } from "../test/integration/store/drafts.ts";
import { needs } from "./kit/needs.ts";
import { orderJson } from "./kit/orders.ts";
import { atEnd } from "./kit/places.ts";
import { againstFloor, type Benchmark, inTurns, rate } from "./kit/report.ts";

const COMMIT = 5_000;
const LEASE_MS = 60_000;
/** A worker's default. */
const BATCHES_AT_ONCE = 4;

export const mssqlRows: Benchmark = async ({ size, rounds }) => {
  await needs(["mssql"]);
  const rows = size === "quick" ? 20_000 : 100_000;
  const times = rounds ?? (size === "quick" ? 3 : 5);
  const { url, drop } = await freshMssqlDatabase();
  const remove = atEnd(drop);
  const db = await openDatabase({ url });
  await db.migrate();
  const bare = await new mssql.ConnectionPool({ ...configOf(url), requestTimeout: 60_000 }).connect();
  await bare
    .request()
    .batch(
      "CREATE TABLE floor (batch_id BIGINT NOT NULL, seq BIGINT NOT NULL, data NVARCHAR(MAX) NOT NULL, PRIMARY KEY (batch_id, seq))",
    );
  const texts = Array.from({ length: rows }, (_, n) => orderJson(n + 1));
  const figures = await inTurns(times, {
    floor: () => perSecond(rows, () => bulkLoaded(bare, texts)),
    one: () => perSecond(rows, () => committed(db, texts)),
    several: () =>
      perSecond(rows * BATCHES_AT_ONCE, () =>
        Promise.all(Array.from({ length: BATCHES_AT_ONCE }, () => committed(db, texts))),
      ),
  });
  await bare.close();
  await db.close();
  await remove();
  return {
    title: `mssql: ${rows.toLocaleString("en-US")} orders by bulk load, ${COMMIT.toLocaleString("en-US")} a commit; ${times} rounds`,
    lines: [
      { label: "floor: bare bulk load", figure: rate(figures.floor, "rows/s") },
      againstFloor("chunk commits of one batch", figures.one, figures.floor, "rows/s", 50),
      { label: `of ${BATCHES_AT_ONCE} batches at once`, figure: rate(figures.several, "rows/s") },
    ],
  };
};

async function perSecond(rows: number, work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (rows / (performance.now() - began)) * 1000;
}

let rounds = 0;

async function bulkLoaded(pool: mssql.ConnectionPool, texts: string[]): Promise<void> {
  const batch = ++rounds;
  for (let first = 0; first < texts.length; first += COMMIT) {
    const table = new mssql.Table("floor");
    table.columns.add("batch_id", mssql.BigInt(), { nullable: false });
    table.columns.add("seq", mssql.BigInt(), { nullable: false });
    table.columns.add("data", mssql.NVarChar(mssql.MAX), { nullable: false });
    texts.slice(first, first + COMMIT).forEach((text, i) => {
      table.rows.add(batch, first + i + 1, text);
    });
    await pool.request().bulk(table);
  }
}

async function committed({ store }: Database, texts: string[]): Promise<void> {
  const { id, fence } = await claimed(store, ++rounds);
  for (let chunk = 0; chunk * COMMIT < texts.length; chunk++) {
    const part = texts.slice(chunk * COMMIT, (chunk + 1) * COMMIT);
    const written = await store.commitChunk({
      id,
      fence,
      chunk,
      leaseMs: LEASE_MS,
      firstRecord: chunk * COMMIT + 1,
      records: part.length,
      text: Buffer.from(part.join("\n")),
      errors: [],
      unlisted: [],
      counts: { accepted: part.length, rejected: 0, duplicate: 0 },
      next: { phase: "deliver", chunk: chunk + 1 },
      end: null,
    });
    if (!written) throw new Error("A chunk was not written.");
  }
}
