/**
 * How much one partner, or a stranger, can slow down all others. Each attack runs on a fresh node with a heap of 256 MB, as in a
 * container of 512 MB. Meanwhile another client posts small bodies, and a probe calls the node's health check.
 */
import { type Attack, targetOf } from "./attacks/attack.ts";
import { bodies } from "./attacks/bodies.ts";
import { checks, schema } from "./attacks/checks.ts";
import { codings } from "./attacks/codings.ts";
import type { Waited, Watch } from "./attacks/others.ts";
import { readers } from "./attacks/readers.ts";
import { startChild } from "./kit/child.ts";
import { newPartner } from "./kit/http.ts";
import { type DataFlowNode, memoryOf, startNode } from "./kit/node.ts";
import { orderSchema } from "./kit/orders.ts";
import { type Benchmark, type Line, quantile } from "./kit/report.ts";

const HEAP_MB = 256;
const MOST_MS = 250;
const MS = { quick: 8_000, usual: 20_000, full: 60_000 };
/** How many requests of the other client and of the probe may fail. */
const MOST_REFUSED = 0;

const attacks: Record<string, Attack> = {
  nothing: { name: "nothing, to compare with", run: async () => {} },
  ...readers,
  ...bodies,
  ...codings,
  ...checks,
};

/** `BENCH_ATTACKS=items,columns` runs only these. */
const chosen = process.env.BENCH_ATTACKS?.split(",") ?? Object.keys(attacks);

export const attacked: Benchmark = async ({ size }) => {
  const lines: Line[] = [];
  for (const name of chosen) lines.push(await lineOf(attacks[name] as Attack, MS[size]));
  return {
    title: `attacks: the others' small POST and GET /health/live during ${MS[size] / 1_000} s of each attack; the node has a heap of ${HEAP_MB} MB`,
    lines,
    notes: ["MB: the node's most resident memory until then (VmHWM), over that before the attack."],
  };
};

async function lineOf(attack: Attack, ms: number): Promise<Line> {
  const node = await startNode({
    NODE_OPTIONS: `--max-old-space-size=${HEAP_MB} ${process.env.BENCH_NODE_OPTIONS ?? ""}`,
  });
  const others = startChild<Watch, Waited>("attacks/others.ts");
  const { auth } = await newPartner(node.url, { schema: orderSchema });
  const target = await targetOf(node.url, { schema });
  await others.ask({ url: node.url, auth, ms: 2_000 });
  await attack.prepare?.(target);
  const before = memoryOf(node.pid, "VmRSS");
  const stop = new AbortController();
  const attacking = attack.run(target, stop.signal).catch(() => {});
  const waited = await others.ask({ url: node.url, auth, ms });
  stop.abort();
  await attacking;
  await others.stop();
  return told(attack, node, waited, before);
}

async function told({ name }: Attack, node: DataFlowNode, waited: Waited, before: number): Promise<Line> {
  const memory = mostMemory(node);
  if (memory !== null) await node.stop();
  const [posts, healths] = [waited.posts, waited.healths].map((times) => quantile(times, 0.99)) as [number, number];
  const isMet = memory !== null && waited.refused <= MOST_REFUSED && posts <= MOST_MS && healths <= MOST_MS;
  const alive = memory === null ? "the node DIED" : `+${Math.round((memory - before) / 1e6)} MB`;
  return {
    label: name,
    figure: `p99 POST ${posts.toFixed(0)} ms, health ${healths.toFixed(0)} ms`,
    ratio: `${alive}; ${waited.posts.length} posts, ${waited.refused} refused`,
    goal: { text: `≤ ${MOST_MS} ms`, isMet },
  };
}

/** The largest memory that the node has had. Null if the node has died. */
function mostMemory(node: DataFlowNode): number | null {
  try {
    return memoryOf(node.pid, "VmHWM");
  } catch {
    return null;
  }
}
