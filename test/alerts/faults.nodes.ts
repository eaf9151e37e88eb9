/** Faults of nodes: a node is killed, is paused by an operator, is frozen, or has too much work. */
import { setTimeout as sleep } from "node:timers/promises";
import { accepted, admin, newClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import type { Cluster, Member } from "./cluster.ts";
import { records } from "./load.ts";
import { again, answered, fires, tells, type Walk } from "./stage.ts";

const LEASE_OVER_MS = 8_000;

const workers = (cluster: Cluster) => cluster.of("worker") as [Member, Member];

/** Uploads batches whose chunks have one record each, for the slow handler `handler`. Answers their ids. */
async function busy({ apiUrl }: Cluster, count: number, chunks: number, handler = "trouble.wait"): Promise<string[]> {
  const client = await newClient(apiUrl, { handler, chunkRecords: 1, maxConcurrentBatches: 20 });
  const ids: string[] = [];
  for (let i = 0; i < count; i++) ids.push((await accepted(apiUrl, client, records(chunks))).id);
  return ids;
}

/** Waits until all batches of an earlier fault have ended. */
const idle = (cluster: Cluster) =>
  until(
    async () => (await cluster.sql("SELECT 1 FROM batch WHERE state IN ('ready', 'processing')")).length < 4,
    "the queue to be empty",
    120_000,
  );

interface Stats {
  nodes: { node: string; worker: { paused: boolean } | null }[];
}
const stats = ({ apiUrl }: Cluster) => answered<Stats>(admin(apiUrl, "/stats"));

async function everyWorker(cluster: Cluster, what: "pause" | "resume"): Promise<void> {
  const { nodes } = await stats(cluster);
  for (const { node, worker } of nodes)
    if (worker) await answered(admin(cluster.apiUrl, `/nodes/${node}/${what}`, { method: "POST" }));
}

export const faultsOfNodes: Record<string, Walk> = {
  NodeDown: fires(async ({ cluster }) => {
    const [, worker] = workers(cluster);
    await worker.end();
    return { mend: async () => worker.start() };
  }),

  Down: fires(async ({ cluster }) => {
    await Promise.all(cluster.members.map((member) => member.end()));
    const mend = async () => {
      for (const member of cluster.members) member.start();
    };
    return { mend };
  }),

  NobodyWorks: fires(async ({ cluster }) => {
    await everyWorker(cluster, "pause");
    return {
      async look() {
        tells(await stats(cluster), '"paused":true');
        tells(await answered(admin(cluster.apiUrl, "/audit")), "node.pause");
      },
      mend: () => everyWorker(cluster, "resume"),
    };
  }),

  WorkerSilent: fires(async ({ cluster }) => {
    const [, worker] = workers(cluster);
    const ids = await busy(cluster, 4, 10);
    await until(() => worker.isAtWork(), "the worker to have a batch");
    await worker.end("SIGKILL");
    return {
      async look() {
        const lives = await Promise.all(ids.map((id) => answered(admin(cluster.apiUrl, `/batches/${id}/history`))));
        tells(lives, "worker-lost");
      },
      mend: async () => worker.start(),
    };
  }),

  /** Freezes both workers in turn for longer than a lease. Meanwhile the other worker takes over the batch. */
  LateWrites: fires(async ({ cluster }) => {
    const turn = async () => {
      await busy(cluster, 4, 10);
      for (const worker of workers(cluster)) {
        worker.signal("SIGSTOP");
        await sleep(LEASE_OVER_MS);
        worker.signal("SIGCONT");
        await sleep(1_000);
      }
    };
    return { mend: again(turn) };
  }),

  Restarts: fires(async ({ cluster }) => {
    const [, worker] = workers(cluster);
    for (let i = 0; i < 3; i++) {
      await worker.end("SIGTERM");
      worker.start();
      await worker.untilWhole();
      await sleep(2_000);
    }
    return { mend: async () => undefined };
  }),

  EventLoopBusy: fires(async ({ cluster }) => {
    await busy(cluster, 4, 160, "trouble.spin");
    return { mend: () => idle(cluster) };
  }),

  QueueOld: fires(async ({ cluster }) => {
    await busy(cluster, 20, 5);
    const look = async () => tells(await stats(cluster), '"oldestReady":{');
    return { look, mend: () => idle(cluster) };
  }),

  QueueVeryOld: fires(async ({ cluster }) => {
    await busy(cluster, 24, 8);
    return { mend: () => idle(cluster) };
  }),
};
