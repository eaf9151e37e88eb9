/**
 * `node test/alerts/walk.ts [NAME …]` tests the alerts of deploy/prometheus/ one after another (without names: all). It causes
 * the fault of each alert on processes of this machine, waits until the alert fires, mends the fault as docs/runbook.md says, and
 * waits until the alert resolves. It needs Debian's package `prometheus`, and PostgreSQL, Redis and RabbitMQ as the tests do. It
 * takes about 20 minutes.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Cluster } from "./cluster.ts";
import { faultsOfNodes } from "./faults.nodes.ts";
import { faultsOfServers } from "./faults.servers.ts";
import { faultsOfWork } from "./faults.work.ts";
import { Load } from "./load.ts";
import { panels } from "./panels.ts";
import { Prometheus } from "./prometheus.ts";
import { quiet } from "./quiet.ts";
import type { Stage, Walk } from "./stage.ts";

const walks: Record<string, Walk> = { ...quiet, ...panels, ...faultsOfNodes, ...faultsOfServers, ...faultsOfWork };
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in walks));
if (unknown.length > 0) throw new Error(`No walk is called ${unknown.join(", ")}: ${Object.keys(walks).join(", ")}.`);

const folder = mkdtempSync(join(tmpdir(), "alerts-"));
const cluster = new Cluster(folder, `dataflow_alerts_${process.pid}`, {
  // Other tests use the same PostgreSQL server, so each node opens few connections.
  DATABASE_POOL: "4",
  BATCH_LEASE: "4s",
  REDIS_LOCK_TIMEOUT: "4s",
  SWEEP_INTERVAL: "1s",
  WORKER_CONCURRENCY: "2",
  WEBHOOK_ALLOWED_HOSTS: "127.0.0.1",
  TABLES_ALLOWED: "crm:*.*",
  TROUBLE_MENDED: join(folder, "mended"),
});
const prometheus = new Prometheus(folder);
let load: Load | null = null;
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void end().finally(() => process.exit(1)));
let failed = 0;
try {
  await cluster.open();
  load = new Load(cluster.of("api").map(({ url }) => url));
  await load.start();
  await prometheus.start(cluster.members.map(({ port }) => `127.0.0.1:${port}`));
  const stage: Stage = { cluster, prometheus };
  for (const [name, walk] of Object.entries(walks))
    if (wanted.length === 0 || wanted.includes(name)) if (!(await one(name, walk, stage))) failed++;
} finally {
  await end();
}
if (failed === 0) rmSync(folder, { recursive: true });
else console.log(`The logs of the nodes are in ${folder}.`);
process.exitCode = failed === 0 ? 0 : 1;

async function end(): Promise<void> {
  await load?.stop();
  await prometheus.stop();
  await cluster.close();
}

async function one(name: string, walk: Walk, stage: Stage): Promise<boolean> {
  const beganAt = performance.now();
  const said = await walk(name, stage).catch((error: unknown) => error as Error);
  const seconds = Math.round((performance.now() - beganAt) / 1_000);
  console.log(
    `${said instanceof Error ? "FAILED" : "ok"}  ${name}  ${seconds} s  ${said instanceof Error ? said.message : said}`,
  );
  await cluster.untilWhole();
  return !(said instanceof Error);
}
