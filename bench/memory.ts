/** How much a node's memory grows during an upload that is far larger than its memory. */
import { endOf, newPartner, upload } from "./kit/http.ts";
import { memoryOf, startNode } from "./kit/node.ts";
import { type BodyFormat, csvHeader, orderCsv, orderJson, orderSchema } from "./kit/orders.ts";
import type { Benchmark, Line } from "./kit/report.ts";

const MOST_GROWTH = 200e6;
/** Orders that are generated once and sent repeatedly. */
const BLOCK = 5_000;

function* bodyOf(format: BodyFormat, bytes: number): Generator<Buffer> {
  const line = format === "csv" ? orderCsv : orderJson;
  const glue = format === "json" ? ",\n" : "\n";
  const lines = Array.from({ length: BLOCK }, (_, i) => line(i + 1));
  const block = Buffer.from(lines.join(glue) + glue);
  if (format === "csv") yield Buffer.from(`${csvHeader}\n`);
  if (format === "json") yield Buffer.from("[");
  for (let sent = 0; sent < bytes; sent += block.length) yield block;
  if (format === "json") yield Buffer.from(`${lines[0]}]`);
}

async function grown(format: BodyFormat, bytes: number): Promise<Line> {
  const node = await startNode();
  const partner = await newPartner(node.url, { schema: orderSchema, maxBytes: 2 ** 40, maxRecords: 1e9 });
  const before = memoryOf(node.pid, "VmRSS");
  const began = Date.now();
  const { id } = await upload(partner, format, bodyOf(format, bytes));
  const uploaded = Date.now();
  const atUpload = memoryOf(node.pid, "VmHWM");
  const { counts } = await endOf(partner, id);
  const growth = memoryOf(node.pid, "VmHWM") - before;
  const after = Date.now();
  await node.stop();
  const mb = (value: number) => `${(value / 1e6).toFixed(0)} MB`;
  return {
    label: format.toUpperCase(),
    figure: `+${mb(growth)} (upload +${mb(atUpload - before)}) over ${mb(before)}`,
    ratio: `${counts.accepted.toLocaleString("en-US")} records; in ${((uploaded - began) / 1000).toFixed(1)} s, stored ${((after - uploaded) / 1000).toFixed(1)} s later`,
    goal: { text: "< 200 MB", isMet: growth < MOST_GROWTH },
  };
}

export const memory: Benchmark = async ({ size }) => {
  const bytes = size === "quick" ? 100e6 : 1e9;
  const formats: BodyFormat[] = size === "full" ? ["ndjson", "csv", "json"] : ["ndjson"];
  const lines: Line[] = [];
  for (const format of formats) lines.push(await grown(format, bytes));
  return {
    title: `memory: a body of ${(bytes / 1e6).toLocaleString("en-US")} MB; the most resident memory until it is stored (VmHWM), over that before (VmRSS)`,
    lines,
  };
};
