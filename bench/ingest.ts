/** From the first byte of a POST to the batch completed, against bare inserts of the same rows. */
import type { InsertRound } from "./floors/inserts.ts";
import { startChild } from "./kit/child.ts";
import { endOf, newPartner, slices, upload } from "./kit/http.ts";
import { cpuOf, startNode } from "./kit/node.ts";
import { orderSchema, ordersBody } from "./kit/orders.ts";
import { againstFloor, type Benchmark, median, rate } from "./kit/report.ts";
import { inTurns } from "./kit/rounds.ts";

const COMMIT = 5_000;

export const ingest: Benchmark = async ({ size, rounds }) => {
  const rows = size === "quick" ? 50_000 : 200_000;
  const times = rounds ?? (size === "quick" ? 5 : 9);
  const floor = startChild<InsertRound, number>("floors/inserts.ts");
  const node = await startNode();
  const partner = await newPartner(node.url, { schema: orderSchema, chunkRecords: COMMIT });
  const bodies = { ndjson: ordersBody("ndjson", rows), csv: ordersBody("csv", rows) };

  const imported = async (format: "ndjson" | "csv") => {
    const began = Date.now();
    const { id } = await upload(partner, format, slices(bodies[format]));
    const { finishedAt, counts } = await endOf(partner, id);
    if (counts.accepted !== rows) throw new Error(`${counts.accepted} of ${rows} were accepted.`);
    return (rows / (Date.parse(finishedAt as string) - began)) * 1000;
  };
  const cpu = { floor: [] as number[], ndjson: [] as number[], csv: [] as number[] };
  const counted = (name: keyof typeof cpu, pid: number, round: () => Promise<number>) => async (isWarmUp: boolean) => {
    const before = cpuOf(pid);
    const figure = await round();
    if (!isWarmUp) cpu[name].push(cpuOf(pid) - before);
    return figure;
  };
  let batch = 0;
  const figures = await inTurns(times, {
    floor: counted("floor", floor.pid, () => floor.ask({ batch: ++batch, rows, commit: COMMIT })),
    ndjson: counted("ndjson", node.pid, () => imported("ndjson")),
    csv: counted("csv", node.pid, () => imported("csv")),
  });
  await Promise.all([node.stop(), floor.stop()]);
  const bytes = Math.round(bodies.ndjson.length / rows);
  return {
    title: `ingest: ${rows.toLocaleString("en-US")} orders of ${bytes} bytes over HTTP, until all are stored; ${times} rounds`,
    lines: [
      { label: "floor: bare prepared inserts", figure: rate(figures.floor, "rows/s") },
      againstFloor("NDJSON", figures.ndjson, figures.floor, "rows/s", 60),
      againstFloor("CSV", figures.csv, figures.floor, "rows/s", 50),
    ],
    notes: [`CPU time of a round: ${told(cpu)}. A busy machine changes it little.`],
  };
};

const told = (cpu: Record<string, number[]>): string =>
  Object.entries(cpu)
    .map(([name, ms]) => `${name} ${median(ms)} ms`)
    .join(", ");
