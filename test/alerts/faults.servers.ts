/** Faults of the servers: a proxy cuts a server off, makes it slow, or breaks the link again and again. */
import { setTimeout as sleep } from "node:timers/promises";
import { accepted, newClient } from "../helpers/http.ts";
import type { Cluster } from "./cluster.ts";
import { records } from "./load.ts";
import { again, fires, tells, type Walk } from "./stage.ts";

const ROUND_TRIP_MS = 1_400;

/** A server that is away. `named`: its name in the answer of /health/ready. */
const away = (server: keyof Cluster["links"], named: string): Walk =>
  fires(async ({ cluster }) => {
    await cluster.links[server].shut();
    const look = async () => tells(await (await fetch(`${cluster.apiUrl}/health/ready`)).text(), named);
    return { look, mend: () => cluster.links[server].open() };
  });

async function restartWorkers(cluster: Cluster, env: Record<string, string> = {}): Promise<void> {
  for (const worker of cluster.of("worker")) {
    await worker.end("SIGTERM");
    worker.start(env);
    await worker.untilWhole();
  }
}

export const faultsOfServers: Record<string, Walk> = {
  DatabaseDown: away("postgres", '"database":{"status":"down"'),
  TableDatabaseDown: away("crm", '"crm":{"status":"down"'),
  OutboxStuck: away("rabbit", '"rabbitmq":{"status":"down"'),
  LocksOnFallback: away("redis", '"redis":{"status":"down"'),
  LimiterOnFallback: away("redis", '"redis":{"status":"down"'),
  CacheOnFallback: away("redis", '"redis":{"status":"down"'),

  /** The mending step restarts the workers with BATCH_LOCK_FALLBACK=sql while Redis is still away, as the runbook says. */
  LocksUnavailable: fires(async ({ cluster }) => {
    await restartWorkers(cluster, { BATCH_LOCK_FALLBACK: "none" });
    await cluster.links.redis.shut();
    return {
      async mend() {
        for (const worker of cluster.of("worker")) {
          await worker.end("SIGTERM");
          worker.start();
        }
        await cluster.links.redis.open();
      },
    };
  }),

  BrokerFlaps: fires(async ({ cluster }) => {
    const turn = async () => {
      cluster.links.rabbit.cut();
      await sleep(3_000);
    };
    return { mend: again(turn) };
  }),

  SlowApi: fires(async ({ cluster }) => {
    cluster.links.postgres.slow(ROUND_TRIP_MS / 2);
    return { mend: async () => cluster.links.postgres.thaw() };
  }),

  /** A missing table causes an error that DataFlow does not expect, which counts as a defect. */
  Defects: fires(async ({ cluster }) => {
    const client = await newClient(cluster.apiUrl);
    const { id } = await accepted(cluster.apiUrl, client, records(1));
    await cluster.sql("ALTER TABLE record_error RENAME TO record_error_away");
    const ask = { headers: { authorization: client.auth, "x-request-id": "the-walk-asks" } };
    const answer = await fetch(`${cluster.apiUrl}/imports/${id}/errors`, ask);
    await answer.text().catch(() => "");
    return {
      async look() {
        const lines = cluster.members.flatMap(({ logs }) => logs().split("\n"));
        const own = lines.filter((line) => line.includes("the-walk-asks"));
        tells(own, "record_error");
        tells(own, '\\"status\\":500');
      },
      mend: () => cluster.sql("ALTER TABLE record_error_away RENAME TO record_error"),
    };
  }),
};
