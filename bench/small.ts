/** The rate of many small imports at once, compared with a bare server that makes each body durable. */
import { setTimeout as pause } from "node:timers/promises";
import { startChild } from "./kit/child.ts";
import { batchesSince, newPartner } from "./kit/http.ts";
import type { Load, Loaded } from "./kit/load.ts";
import { type DataFlowNode, startNode } from "./kit/node.ts";
import { orderSchema, ordersBody } from "./kit/orders.ts";
import { againstFloor, type Benchmark, inTurns, median, quantile, rate } from "./kit/report.ts";
import { costOfLog } from "./small.log.ts";

const CONNECTIONS = 16;
export const RECORDS = 100;
const DOOR = "api,rateLimiter,clientCache,policy,imports,batch,outbox";
export const body = ordersBody("ndjson", RECORDS).toString();

export const headOf = (host: string, more: string[]) =>
  ["POST /imports HTTP/1.1", `host: ${host}`, "content-type: application/x-ndjson", ...more].join("\r\n");

export async function headFor(node: DataFlowNode): Promise<{ port: number; head: string }> {
  const policy = { schema: orderSchema, maxConcurrentBatches: 1_000, maxConcurrentUploads: 1_000 };
  const { auth } = await newPartner(node.url, policy);
  const { host, port } = new URL(node.url);
  return { port: Number(port), head: headOf(host, [`authorization: ${auth}`]) };
}

export const small: Benchmark = async ({ size, rounds }) => {
  const ms = size === "quick" ? 2_000 : 4_000;
  const times = rounds ?? (size === "quick" ? 3 : 5);
  const bare = startChild<object, number>("floors/server.ts");
  const generator = startChild<Load, Loaded>("kit/load.ts");
  const [door, quiet, whole] = await Promise.all([
    startNode({ SERVICES: DOOR }),
    startNode({ SERVICES: DOOR, ACCESS_LOG: "false" }),
    startNode(),
  ]);
  const targets = {
    floor: { port: await bare.ask({}), head: headOf("127.0.0.1", []) },
    door: await headFor(door),
    quiet: await headFor(quiet),
    whole: await headFor(whole),
  };
  const latencies: Record<string, number[]> = {};
  const completed: number[] = [];
  const loaded = async (name: keyof typeof targets, isWarmUp: boolean) => {
    const result = await generator.ask({ ...targets[name], connections: CONNECTIONS, ms, body });
    if (name === "whole") {
      const done = await completedBetween(whole.url, result.from, result.to);
      if (!isWarmUp) completed.push((done / ms) * 1000);
    }
    if (!isWarmUp) latencies[name] = [...(latencies[name] ?? []), ...result.latencies];
    return result.perSecond;
  };
  const figures = await inTurns(times, {
    floor: (isWarmUp) => loaded("floor", isWarmUp),
    door: (isWarmUp) => loaded("door", isWarmUp),
    whole: (isWarmUp) => loaded("whole", isWarmUp),
  });
  const sending = (name: "door" | "quiet") => async (ms: number) => {
    const { latencies } = await generator.ask({ ...targets[name], connections: CONNECTIONS, ms, body });
    return latencies.length;
  };
  await sending("quiet")(ms);
  const log = await costOfLog(
    { node: door, send: sending("door") },
    { node: quiet, send: sending("quiet") },
    (times * ms) / 1_000,
  );
  await Promise.all([door.stop(), quiet.stop(), whole.stop(), bare.stop(), generator.stop()]);
  const told = (name: string) =>
    `${name} p50 ${quantile(latencies[name] ?? [], 0.5).toFixed(1)} ms, p99 ${quantile(latencies[name] ?? [], 0.99).toFixed(1)} ms`;
  return {
    title: `small: POST /imports of ${RECORDS} records (${body.length.toLocaleString("en-US")} bytes), ${CONNECTIONS} connections; ${times} rounds of ${ms / 1000} s`,
    lines: [
      { label: "floor: bare node:http, one durable insert each", figure: rate(figures.floor, "req/s") },
      againstFloor("SERVICES without batchProcessor", figures.door, figures.floor, "req/s", 100),
      log.line,
      againstFloor("all services", figures.whole, figures.floor, "req/s", 30),
      { label: "… batches completed meanwhile", figure: rate(completed, "batches/s") },
    ],
    notes: [
      log.note,
      `Latency: ${["floor", "door", "whole"].map(told).join("; ")}.`,
      `Of what it took in, the node with all services completed ${((100 * median(completed)) / median(figures.whole)).toFixed(0)} % meanwhile, the rest right after.`,
    ],
  };
};

/** Waits until the node is idle, so that it does not disturb the next round; then counts its batches. */
async function completedBetween(url: string, from: number, to: number): Promise<number> {
  for (;;) {
    let open = 0;
    let done = 0;
    for await (const { finishedAt } of batchesSince(url, from)) {
      if (finishedAt === null) open++;
      else if (Date.parse(finishedAt) <= to) done++;
      if (open > 0) break;
    }
    if (open === 0) return done;
    await pause(250);
  }
}
