/** Whether a record of a huge batch costs the same as one of a small batch. */
import { endOf, newPartner, type Partner, upload } from "./kit/http.ts";
import { startNode } from "./kit/node.ts";
import { type Benchmark, type Line, median } from "./kit/report.ts";

const BASE = 100_000;
const MOST = 1.2;
/** Lines in a piece of the body. */
const PIECE = 5_000;

function* smallRecords(count: number): Generator<Buffer> {
  for (let n = 0; n < count; n += PIECE)
    yield Buffer.from(
      Array.from({ length: Math.min(PIECE, count - n) }, (_, i) => `{"id":${n + i},"v":1.5}\n`).join(""),
    );
}

interface Cost {
  /** µs per record. */
  ingest: number;
  process: number;
}

async function cost(partner: Partner, pieces: Buffer[], count: number): Promise<Cost> {
  const began = performance.now();
  const { id } = await upload(partner, "ndjson", pieces);
  const uploaded = performance.now();
  const { startedAt, finishedAt } = await endOf(partner, id);
  const ms = Date.parse(finishedAt as string) - Date.parse(startedAt as string);
  return { ingest: ((uploaded - began) * 1000) / count, process: (ms * 1000) / count };
}

export const scale: Benchmark = async ({ size, rounds }) => {
  const count = size === "quick" ? 300_000 : size === "full" ? 10_000_000 : 1_000_000;
  const times = rounds ?? (size === "full" ? 2 : 5);
  const perRound = Math.min(10, count / BASE);
  const node = await startNode();
  const partner = await newPartner(node.url);
  const bodies = { small: [...smallRecords(BASE)], large: [...smallRecords(count)] };
  const small: Cost[] = [];
  const large: Cost[] = [];
  for (let i = 0; i < perRound; i++) await cost(partner, bodies.small, BASE);
  for (let round = 0; round < times; round++) {
    for (let i = 0; i < perRound; i++) small.push(await cost(partner, bodies.small, BASE));
    large.push(await cost(partner, bodies.large, count));
  }
  await node.stop();
  const line = (phase: keyof Cost): Line => {
    const base = median(small.map((one) => one[phase]));
    const huge = median(large.map((one) => one[phase]));
    return {
      label: phase,
      figure: `${huge.toFixed(2)} µs a record, ${base.toFixed(2)} in the small batch`,
      ratio: `${(huge / base).toFixed(2)} times`,
      goal: { text: `≤ ${MOST} times`, isMet: huge / base <= MOST },
    };
  };
  return {
    title: `scale: a batch of ${count.toLocaleString("en-US")} small records against ones of ${BASE.toLocaleString("en-US")}; ${times} rounds`,
    lines: [line("ingest"), line("process")],
  };
};
