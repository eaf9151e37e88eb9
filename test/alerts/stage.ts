/** What every alert test uses: a cluster, a Prometheus, and how to see that an alert fires and resolves. */
import { until } from "../helpers/patience.ts";
import type { Cluster } from "./cluster.ts";
import type { Prometheus } from "./prometheus.ts";

export interface Stage {
  cluster: Cluster;
  prometheus: Prometheus;
}

/** Tests the alert of this name. Answers a text for the report. */
export type Walk = (name: string, stage: Stage) => Promise<string>;

const FIRES_MS = 90_000;
const RESOLVES_MS = 150_000;

interface Trouble {
  /** Looks where the runbook says. Throws if the fault cannot be seen there. */
  look?(): Promise<unknown>;
  /** Does what the runbook says, or ends the fault. */
  mend(): Promise<unknown>;
}

type Fault = (stage: Stage) => Promise<Trouble>;

/**
 * Makes a test that causes a fault, waits until the alert fires, looks where the runbook says, mends the fault, and waits until
 * the alert resolves.
 */
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

/** Repeats the work until the returned function is called. That function waits for the last repetition. */
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

/** Reads an answer of the API. Throws if its status is not 2xx. */
export async function answered<T>(answer: Promise<Response>): Promise<T> {
  const response = await answer;
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${text}`);
  return (text && JSON.parse(text)) as T;
}

/** Throws unless `seen` contains the text `wanted`. */
export function tells(seen: unknown, wanted: string): void {
  const text = typeof seen === "string" ? seen : JSON.stringify(seen);
  if (!text.includes(wanted)) throw new Error(`"${wanted}" is not told by ${text.slice(0, 500)}.`);
}
