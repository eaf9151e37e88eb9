/**
 * The promise: a cluster of real processes on PostgreSQL, Redis and RabbitMQ behaves as one system. It loses nothing and repeats
 * nothing when nodes are killed, paused and stopped, and when links are cut, frozen and slowed. In a short run all suites share
 * one cluster, because each start of a node costs a second of CPU time. In a long run each suite has its own cluster. CHAOS_SEED
 * repeats an order of faults, CHAOS_SECONDS sets the length of the run.
 */
import { Cluster, everyServer } from "./cluster/cluster.ts";
import type { Role } from "./cluster/place.ts";
import { companyDdl } from "./company.ts";
import { floodSuite } from "./groups.suite.ts";
import { deadWorkerSuite, linksSuite } from "./links.suite.ts";
import { isLong } from "./seconds.ts";
import { troubleSuite } from "./trouble.suite.ts";
import { uploadsSuite } from "./uploads.suite.ts";
import { METRICS_PORT, wholeSuite } from "./whole.suite.ts";

type Suite = (cluster: Cluster) => void;

/** Short enough that the batches of a lost worker go on soon. Long enough that a worker keeps its leases on a busy machine. */
const shared = {
  BATCH_LEASE: "2s",
  REDIS_LOCK_TIMEOUT: "2s",
  SWEEP_INTERVAL: "300ms",
  POLL_INTERVAL: "1s",
  BATCH_SLICE: "1s",
  WORKER_CONCURRENCY: "2",
  SHUTDOWN_TIMEOUT: "6s",
  METRICS_PORT: String(METRICS_PORT),
  WEBHOOK_ALLOWED_HOSTS: "127.0.0.1",
  TABLES_ALLOWED: "*",
};
const four: Role[] = ["api", "api", "worker", "worker"];

function inCluster(name: string, roles: Role[], settings: Record<string, string>, suites: Suite[]): void {
  describe(name, () => {
    const cluster = new Cluster(roles, settings);
    beforeAll(async () => {
      await cluster.open();
      for (const sql of companyDdl) await cluster.select(sql);
    });
    afterAll(() => cluster.close());
    for (const suite of suites) suite(cluster);
  });
}

everyServer("a cluster", () => {
  // `troubleSuite` is last, because it ends the nodes.
  if (!isLong)
    return inCluster("for all", four, shared, [wholeSuite, uploadsSuite, linksSuite, floodSuite, troubleSuite]);
  inCluster("that is whole", four, shared, [wholeSuite, uploadsSuite]);
  inCluster("that loses links", four, shared, [linksSuite]);
  const soon = { ...shared, BATCH_LEASE: "1s", REDIS_LOCK_TIMEOUT: "1s" };
  inCluster("of workers with groups", ["api", "worker", "worker"], soon, [floodSuite]);
  const late = { ...shared, BATCH_LEASE: "4s", REDIS_LOCK_TIMEOUT: "4s", SWEEP_INTERVAL: "1s", POLL_INTERVAL: "2s" };
  inCluster("in trouble", [...four, "worker"], { ...late, SHUTDOWN_TIMEOUT: "10s" }, [troubleSuite]);
  for (const isPublishing of ["true", "false"])
    inCluster(`with PUBLISH_EVENTS=${isPublishing}`, ["api", "worker", "worker"], { PUBLISH_EVENTS: isPublishing }, [
      deadWorkerSuite,
    ]);
});
