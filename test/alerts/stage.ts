/** What a walk has: a cluster, a Prometheus, and how a fault is seen to fire and to resolve. */
import { until } from "../helpers/patience.ts";
import type { Cluster } from "./cluster.ts";
import type { Prometheus } from "./prometheus.ts";

export interface Stage {
  cluster: Cluster;
  prometheus: Prometheus;
}

/** Of the alert of this name; answers what there is to say of it. */
export type Walk = (name: string, stage: Stage) => Promise<string>;

const FIRES_MS = 90_000;
const RESOLVES_MS = 150_000;

interface Trouble {
  /** What the runbook says to look at; throws where that does not tell the fault. */
  look?(): Promise<unknown>;
  /** What the runbook says to do, or the end of the fault. */
  mend(): Promise<unknown>;
}

type Fault = (stage: Stage) => Promise<Trouble>;

/** A walk that waits until the alert fires, looks where the runbook says, mends the fault, and waits until it is quiet again. */
export function fires(fault: Fault): Walk {
  return async (name, stage) => {
    const { cluster, prometheus } = stage;
    await until(async () => !(await prometheus.firing()).has(name), `${name} to be quiet before`, RESOLVES_MS);
    const { look: follow, mend } = await fault(stage);
    let summary: string;
    const others = new Set<string>();
    try {
      const look = async () => {
        const firing = await prometheus.firing();
        for (const other of firing.keys()) if (other !== name) others.add(other);
        return firing.get(name);
      };
      summary = await until(look, `${name} to fire; others: ${[...others]}`, FIRES_MS);
      await follow?.();
    } finally {
      await mend();
    }
    await cluster.untilWhole();
    await until(async () => !(await prometheus.firing()).has(name), `${name} to resolve`, RESOLVES_MS);
    return `fired ("${summary}") and resolved${others.size > 0 ? `; beside it: ${[...others].join(", ")}` : ""}`;
  };
}

/** Does it again and again until the answer is called, which waits for the last time. */
export function again(work: () => Promise<unknown>): () => Promise<void> {
  let isOn = true;
  const run = async () => {
    while (isOn) await work();
  };
  const running = run();
  return () => {
    isOn = false;
    return running;
  };
}

/** An answer of the API that has to be right. */
export async function answered<T>(answer: Promise<Response>): Promise<T> {
  const response = await answer;
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${text}`);
  return (text && JSON.parse(text)) as T;
}

/** Throws unless what was looked at has this text. */
export function tells(seen: unknown, wanted: string): void {
  const text = typeof seen === "string" ? seen : JSON.stringify(seen);
  if (!text.includes(wanted)) throw new Error(`"${wanted}" is not told by ${text.slice(0, 500)}.`);
}
