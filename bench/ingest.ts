/** From the first byte of a POST to the batch completed, against bare inserts of the same rows. */
import type { InsertRound } from "./floors/inserts.ts";
import { startChild } from "./kit/child.ts";
import { endOf, newPartner, slices, upload } from "./kit/http.ts";
import { cpuOf, startNode } from "./kit/node.ts";
import { germanBody, germanRead, orderSchema, ordersBody } from "./kit/orders.ts";
import { againstFloor, type Benchmark, inTurns, type Line, median, rate } from "./kit/report.ts";

const COMMIT = 5_000;

export const ingest: Benchmark = async ({ size, rounds }) => {
  const rows = size === "quick" ? 50_000 : 200_000;
  const times = rounds ?? (size === "quick" ? 5 : 9);
  const floor = startChild<InsertRound, number>("floors/inserts.ts");
  const node = await startNode();
  const partner = await newPartner(node.url, { schema: orderSchema, chunkRecords: COMMIT });
  const german = await newPartner(node.url, { schema: orderSchema, chunkRecords: COMMIT, read: germanRead });
  const bodies = { ndjson: ordersBody("ndjson", rows), csv: ordersBody("csv", rows), read: germanBody(rows) };

  const imported = async (kind: keyof typeof bodies) => {
    const who = kind === "read" ? german : partner;
    const began = Date.now();
    const { id } = await upload(who, kind === "read" ? "csv" : kind, slices(bodies[kind]));
    const { finishedAt, counts } = await endOf(who, id);
    if (counts.accepted !== rows) throw new Error(`${counts.accepted} of ${rows} were accepted.`);
    return (rows / (Date.parse(finishedAt as string) - began)) * 1000;
  };
  const cpu = { floor: [] as number[], ndjson: [] as number[], csv: [] as number[], read: [] as number[] };
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
  // Measured apart from the floor: the floor becomes faster the longer it rests between its turns.
  const converted = await inTurns(times, {
    plain: () => imported("csv"),
    read: counted("read", node.pid, () => imported("read")),
  });
  await Promise.all([node.stop(), floor.stop()]);
  const bytes = Math.round(bodies.ndjson.length / rows);
  return {
    title: `ingest: ${rows.toLocaleString("en-US")} orders of ${bytes} bytes over HTTP, until all are stored; ${times} rounds`,
    lines: [
      { label: "floor: bare prepared inserts", figure: rate(figures.floor, "rows/s") },
      againstFloor("NDJSON", figures.ndjson, figures.floor, "rows/s", 60),
      againstFloor("CSV", figures.csv, figures.floor, "rows/s", 50),
      againstPlain("CSV with titles, decimal comma, dates, trim", converted.read, converted.plain),
    ],
    notes: [`CPU time of a round: ${told(cpu)}. A busy machine changes it little.`],
  };
};

/** Compares a rate with the rate of plain records: the difference is what the policy's `read` costs. */
const againstPlain = (label: string, values: number[], plain: number[]): Line => {
  const percent = (100 * median(values)) / median(plain);
  const goal = { text: "≥ 60 %", isMet: percent >= 60 };
  return { label, figure: rate(values, "rows/s"), ratio: `${percent.toFixed(0)} % of plain CSV`, goal };
};

const told = (cpu: Record<string, number[]>): string =>
  Object.entries(cpu)
    .map(([name, ms]) => `${name} ${median(ms)} ms`)
    .join(", ");
