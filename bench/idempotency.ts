/** What an Idempotency-Key, `dedup`, or both cost a small import. */
import { readFileSync } from "node:fs";
import { startChild } from "./kit/child.ts";
import { newPartner } from "./kit/http.ts";
import { type Load, type Loaded, MARK } from "./kit/load.ts";
import { startNode } from "./kit/node.ts";
import { ordersBody } from "./kit/orders.ts";
import { againstFloor, type Benchmark, inTurns, type Line, median, rate } from "./kit/report.ts";
import { onEach } from "./kit/servers.ts";

const CONNECTIONS = 16;
const RECORDS = 100;
/** The node has no workers, because they would take an unknown share of the machine. */
const DOOR = "api,rateLimiter,clientCache,policy,imports,batch,outbox";
/** Each upload has different content, because the second of two equal ones would be a duplicate. */
const body = ordersBody("ndjson", RECORDS).toString().replace("customer-", `customer-${MARK}`);

export const idempotency: Benchmark = async ({ size, rounds }) => {
  const ms = size === "quick" ? 2_000 : 4_000;
  const times = rounds ?? (size === "quick" ? 3 : 7);
  const cpu: string[] = [];
  const { lines, notes } = await onEach((name, env) => measured(name, env, ms, times, cpu));
  return {
    title: `idempotency: POST /imports of ${RECORDS} records, ${CONNECTIONS} connections; ${times} rounds of ${ms / 1000} s`,
    lines,
    notes: [...cpu, ...notes],
  };
};

async function measured(name: string, env: Record<string, string>, ms: number, times: number, notes: string[]) {
  const node = await startNode({ SERVICES: DOOR, ...env });
  const generator = startChild<Load, Loaded>("kit/load.ts");
  const key = `idempotency-key: "bench-${MARK}"`;
  const heads = {
    neither: await headFor(node.url, "allow", []),
    key: await headFor(node.url, "allow", [key]),
    dedup: await headFor(node.url, "reject", []),
    both: await headFor(node.url, "reject", [key]),
  };
  type Kind = keyof typeof heads;
  const port = Number(new URL(node.url).port);
  const cpu: Record<Kind, number[]> = { neither: [], key: [], dedup: [], both: [] };
  const loaded = (kind: Kind) => async (isWarmUp: boolean) => {
    const before = cpuSecondsOf(node.pid);
    const { perSecond } = await generator.ask({ port, head: heads[kind], connections: CONNECTIONS, ms, body });
    if (!isWarmUp) cpu[kind].push((cpuSecondsOf(node.pid) - before) / ((perSecond * ms) / 1000));
    return perSecond;
  };
  const figures = await inTurns<Kind>(times, {
    neither: loaded("neither"),
    key: loaded("key"),
    dedup: loaded("dedup"),
    both: loaded("both"),
  });
  await Promise.all([node.stop(), generator.stop()]);
  const told = (kind: Kind) => `${kind} ${Math.round(1e6 * median(cpu[kind]))}`;
  notes.push(`${name}: the node's CPU per request, µs: ${(Object.keys(heads) as Kind[]).map(told).join(", ")}.`);
  return [
    { label: `${name}: neither`, figure: rate(figures.neither, "req/s") },
    againstFloor(`${name}: with Idempotency-Key`, figures.key, figures.neither, "req/s", 85),
    againstFloor(`${name}: with dedup "reject"`, figures.dedup, figures.neither, "req/s", 85),
    againstFloor(`${name}: with both`, figures.both, figures.neither, "req/s", 85),
  ] satisfies Line[];
}

const TICKS_A_SECOND = 100;

/** CPU time of all threads of a process. Unlike the rate, it depends little on other work of the machine. */
function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [user, system] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13)
    .map(Number);
  return ((user ?? 0) + (system ?? 0)) / TICKS_A_SECOND;
}

async function headFor(url: string, dedup: string, more: string[]): Promise<string> {
  const { auth } = await newPartner(url, { dedup, maxConcurrentBatches: 1_000, maxConcurrentUploads: 1_000 });
  const fields = [`host: ${new URL(url).host}`, "content-type: application/x-ndjson", `authorization: ${auth}`];
  return ["POST /imports HTTP/1.1", ...fields, ...more].join("\r\n");
}
