/**
 * From the first byte of a POST to the batch completed, on PostgreSQL as in production, compared with bare COPY of the
 * same rows.
 */
import pg from "pg";
import type { CopyRound } from "../floors/copy.ts";
import { startChild } from "../kit/child.ts";
import { newCluster } from "../kit/cluster.ts";
import { endOf, newPartner, slices, upload } from "../kit/http.ts";
import { orderSchema, ordersBody } from "../kit/orders.ts";
import { againstFloor, type Benchmark, inTurns, median, rate } from "../kit/report.ts";
import { newDatabase } from "../kit/servers.ts";

const COMMIT = 5_000;

export const pgIngest: Benchmark = async ({ size, rounds }) => {
  const rows = size === "quick" ? 50_000 : 200_000;
  const times = rounds ?? (size === "quick" ? 5 : 9);
  const cluster = await newCluster({}, ["pg-copy-streams"]);
  const bare = await newDatabase();
  const floor = startChild<CopyRound, number>("floors/copy.ts");
  const [api] = [await cluster.start("start:api"), await cluster.start("start:worker")];
  const partner = await newPartner(api.url, { schema: orderSchema, chunkRecords: COMMIT, maxConcurrentBatches: 4 });
  const bodies = { ndjson: ordersBody("ndjson", rows), csv: ordersBody("csv", rows) };
  const db = new pg.Client(cluster.databaseUrl);
  await db.connect();

  const imported = async (format: keyof typeof bodies, batches: number) => {
    // Each round begins with an empty table, as COPY does.
    await db.query("TRUNCATE record");
    const began = Date.now();
    const ends = await Promise.all(
      Array.from({ length: batches }, async () => {
        const { id } = await upload(partner, format, slices(bodies[format]));
        const { finishedAt, counts } = await endOf(partner, id);
        if (counts.accepted !== rows) throw new Error(`${counts.accepted} of ${rows} were accepted.`);
        return Date.parse(finishedAt as string);
      }),
    );
    return ((batches * rows) / (Math.max(...ends) - began)) * 1000;
  };
  const figures = await inTurns(times, {
    floor: () => floor.ask({ url: bare.url, rows, commit: COMMIT }),
    ndjson: () => imported("ndjson", 1),
    csv: () => imported("csv", 1),
    two: async () => {
      const second = await cluster.start("start:worker");
      const figure = await imported("ndjson", 4);
      await second.stop();
      return figure;
    },
  });
  await db.end();
  await floor.stop();
  await bare.drop();
  await cluster.stop();
  const percent = (100 * median(figures.two)) / median(figures.floor);
  return {
    title: `pg-ingest: ${rows.toLocaleString("en-US")} orders over HTTP until all are stored in PostgreSQL, api and worker in processes of their own; ${times} rounds`,
    lines: [
      {
        label: `floor: COPY, a commit per ${COMMIT.toLocaleString("en-US")} rows`,
        figure: rate(figures.floor, "rows/s"),
      },
      againstFloor("NDJSON: one worker, one batch", figures.ndjson, figures.floor, "rows/s", 70),
      againstFloor("CSV: one worker, one batch", figures.csv, figures.floor, "rows/s", 60),
      {
        label: "NDJSON: two workers, four batches",
        figure: rate(figures.two, "rows/s"),
        ratio: `${percent.toFixed(0)} % of the floor`,
      },
    ],
  };
};
