/**
 * Shows what must not fire: no alert on a healthy cluster with a small load, and not NobodyWorks where Prometheus scrapes only
 * the api nodes.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { accepted, newClient } from "../helpers/http.ts";
import { records } from "./load.ts";
import type { Stage, Walk } from "./stage.ts";

const QUIET_MS = 120_000;
const LOOK_MS = 500;

async function seen({ prometheus }: Stage, ms: number): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  for (const end = performance.now() + ms; performance.now() < end; await sleep(LOOK_MS))
    for (const [name, summary] of await prometheus.firing()) all.set(name, summary);
  return all;
}

function nothing(fired: Map<string, string>): string {
  if (fired.size > 0) throw new Error(`These fired: ${JSON.stringify([...fired])}.`);
  return "nothing fired";
}

export const quiet: Record<string, Walk> = {
  Healthy: async (_name, stage) => nothing(await seen(stage, QUIET_MS)),

  /** The workers work, but Prometheus does not scrape them. Some batches always wait. */
  async ApiOnly(_name, stage) {
    const { cluster, prometheus } = stage;
    const at = (role?: "api") => (role ? cluster.of(role) : cluster.members).map(({ port }) => `127.0.0.1:${port}`);
    await prometheus.stop();
    await prometheus.start(at("api"));
    const client = await newClient(cluster.apiUrl, {
      handler: "trouble.wait",
      chunkRecords: 1,
      maxConcurrentBatches: 20,
    });
    for (let i = 0; i < 8; i++) await accepted(cluster.apiUrl, client, records(10));
    const fired = await seen(stage, 20_000);
    await prometheus.stop();
    await prometheus.start(at());
    fired.delete("QueueOld");
    fired.delete("QueueVeryOld");
    return nothing(fired);
  },
};
