/** What operators see of a running system: /metrics, /admin/stats, and the port of a worker. */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Service, ServiceBroker, ServiceSchema } from "moleculer";
import { DatabaseUnavailable } from "../../../database/errors.ts";
import { registryOf } from "../../../lib/metrics/figures.ts";
import { root } from "../../../root.cjs";
import type { Readiness } from "../../../services/monitor/monitor.contract.ts";
import { accepted, batchWhen, newClient } from "../../helpers/http.ts";
import { listen } from "../../helpers/logged.ts";
import { metrics } from "../../helpers/metrics.ts";
import { until } from "../../helpers/patience.ts";
import { storeOf } from "../batch/kit.ts";
import { importOnce, start, stopAfterEach, system } from "./metrics.kit.ts";
import { operatorsSeeFigures } from "./metrics.stats.suite.ts";
import { workIsCounted } from "./metrics.work.suite.ts";

stopAfterEach();

test("/metrics needs no login, starts at 0, and counts an import by outcome", async () => {
  await start();
  const before = await metrics(system.url);
  for (const outcome of ["completed", "completed_with_errors", "failed", "rejected", "cancelled"])
    expect(before.get(`dataflow_batches_total{outcome="${outcome}",dataset="default"}`)).toBe(0);
  for (const work of ["batch", "upload"]) expect(before.get(`dataflow_leases_lapsed_total{of="${work}"}`)).toBe(0);
  expect(before.get('dataflow_limiter_fallbacks_total{store="redis"}')).toBe(0);

  await importOnce();
  // The queue's figures are cached for 1 s, and published events are deleted a little later.
  const after = await until(async () => {
    const samples = await metrics(system.url);
    const isRead = samples.get('dataflow_batches{state="completed_with_errors"}') === 1;
    return isRead && samples.get("dataflow_outbox_depth") === 0 && samples;
  }, "the queue's figures");
  expect(after.get('dataflow_batches_total{outcome="completed_with_errors",dataset="default"}')).toBe(1);
  expect(after.get('dataflow_records_total{outcome="accepted",dataset="default"}')).toBe(2);
  expect(after.get('dataflow_records_total{outcome="rejected",dataset="default"}')).toBe(1);
  expect(after.get("dataflow_claim_latency_seconds_count")).toBe(1);
  expect(after.get('dataflow_claim_latency_seconds_bucket{le="+Inf"}')).toBe(1);
  expect(after.get('dataflow_locks_total{outcome="acquired"}')).toBe(1);
  expect(after.get('dataflow_limiter_decisions_total{outcome="allowed"}')).toBeGreaterThan(1);
  expect(after.get('dataflow_cache_lookups_total{cache="clientCache",result="hit"}')).toBeGreaterThan(0);
  expect(after.get('dataflow_cache_lookups_total{cache="policy",result="hit"}')).toBeGreaterThan(0);
  expect(after.get("dataflow_oldest_ready_age_seconds")).toBe(0);
  expect(after.get("dataflow_database_up")).toBe(1);
});

test("/metrics has Moleculer's calls, their times and errors", async () => {
  await start();
  await importOnce();
  await system.broker.call("batch.get", { publicId: "nobody" }).catch(() => {});
  const samples = await metrics(system.url);
  const labels = 'service="batch",action="batch.get",type="local"';
  const calls = samples.get(`moleculer_request_total{${labels}}`);
  expect(calls).toBeGreaterThan(1);
  expect(samples.get(`moleculer_request_time_bucket{${labels},le="+Inf"}`)).toBe(calls);
  expect(samples.get(`moleculer_request_time_bucket{${labels},le="10000"}`)).toBe(calls);
  expect(samples.get(`moleculer_request_error_total{${labels}}`)).toBe(1);
  expect(samples.get("moleculer_broker_started")).toBe(1);
  expect(samples.get('moleculer_registry_action_endpoints_total{action="batch.get"}')).toBe(1);
  expect(samples.get("process_resident_memory_bytes")).toBeGreaterThan(1e7);
});

test("/metrics contains no id of a client or batch, and nothing confidential of the machine", async () => {
  await start();
  const { client, id } = await importOnce();
  const text = await (await fetch(`${system.url}/metrics`)).text();
  for (const word of [client.id, client.identifier, id, process.cwd(), "os_user", "process_arguments"])
    expect(text).not.toContain(word);
});

test("a batch that was taken away is counted once, at the first late write of its worker", async () => {
  await start({ services: ["api", "batch", "clientCache", "outbox", "policy", "rateLimiter"] });
  const client = await newClient(system.url);
  await accepted(system.url, client, '{"a":1}\n');
  const [candidate] = await storeOf(system).candidates(1);
  const claimed = (await system.broker.call("batch.claim", { id: candidate?.id, owner: "x:y" })) as { batch: object };
  const commit = {
    chunk: 0,
    firstRecord: 1,
    records: 1,
    text: Buffer.from('{"a":1}'),
    errors: [],
    unlisted: [],
    counts: { accepted: 1, rejected: 0, duplicate: 0 },
    next: { phase: "deliver", chunk: 1 },
    end: null,
  };
  const settle = (batch: object) =>
    system.broker.call("batch.settle", { batch, outcome: { outcome: "snooze", delayMs: 0 } });
  const commitTo = (batch: object, chunk: number) =>
    system.broker.call("batch.commitChunk", { batch, commit: { ...commit, chunk } });
  const lateTo = (fence: number) => ({ ...claimed.batch, fence });
  for (const chunk of [0, 1]) expect(await commitTo(lateTo(77), chunk)).toBeNull();
  expect(await settle(lateTo(77))).toBeNull();
  expect(await settle(lateTo(78))).toBeNull();
  const group = [lateTo(79), lateTo(77)].map((batch) => ({ batch, commit }));
  expect(await system.broker.call("batch.commitChunks", { commits: group })).toEqual([
    { batch: null },
    { batch: null },
  ]);
  // The commit is refused because the earlier chunk is not committed. The batch still belongs to its worker.
  expect(await commitTo(claimed.batch, 1)).toBeNull();
  // After this error the owner of the batch is unknown.
  jest.spyOn(storeOf(system), "batch").mockRejectedValueOnce(new DatabaseUnavailable("away"));
  expect(await commitTo(claimed.batch, 1)).toBeNull();
  const samples = await metrics(system.url);
  expect(samples.get('dataflow_fences_lost_total{write="giveUp"}')).toBe(1);
  expect(samples.get('dataflow_fences_lost_total{write="commit"}')).toBe(2);
});

test("an expired lease is counted when the batch is taken away", async () => {
  await start({
    services: ["api", "batch", "clientCache", "outbox", "policy", "rateLimiter"],
    env: { BATCH_LEASE: "1s", SWEEP_INTERVAL: "100ms", LOG_LEVEL: "warn", LOG_FORMAT: "json" },
  });
  const logged = listen();
  const client = await newClient(system.url);
  const { id } = await accepted(system.url, client, '{"a":1}\n');
  const [candidate] = await storeOf(system).candidates(1);
  await system.broker.call("batch.claim", { id: candidate?.id, owner: "x:y" });
  await batchWhen(system.url, client, id, ({ status }) => status === "ready");
  expect((await metrics(system.url)).get('dataflow_leases_lapsed_total{of="batch"}')).toBe(1);
  await logged.line({ batchId: id, msg: "The worker x fell silent: the batch was taken from it." });
  jest.restoreAllMocks();
});

test("a node without the api serves health and metrics on METRICS_PORT or the next free port", async () => {
  const blocker = createServer();
  await new Promise<void>((resolve) => blocker.listen(0, "127.0.0.1", resolve));
  const { port } = blocker.address() as AddressInfo;
  try {
    await start({
      services: ["batch", "batchLock", "batchProcessor", "clientCache", "outbox", "policy", "rateLimiter"],
      env: { METRICS_PORT: String(port) },
    });
    const monitor = system.broker.getLocalService("monitor") as unknown as {
      port: { server: { address(): AddressInfo } };
    };
    const own = monitor.port.server.address().port;
    expect(own).toBeGreaterThan(port);
    const url = `http://127.0.0.1:${own}`;
    expect(await (await fetch(`${url}/health/live`)).json()).toEqual({ status: "ok" });
    const ready = await fetch(`${url}/health/ready`);
    expect([ready.status, ready.headers.get("x-content-type-options")]).toEqual([200, "nosniff"]);
    expect(await ready.json()).toMatchObject({ status: "ok", checks: { database: { status: "up" }, redis: "off" } });
    expect((await metrics(url)).get("dataflow_database_up")).toBe(1);
    expect((await fetch(`${url}/imports`)).status).toBe(404);
    expect((await fetch(`${url}/metrics`, { method: "POST" })).status).toBe(405);
    await system.stop();
    await expect(fetch(`${url}/health/live`)).rejects.toThrow("fetch failed");
  } finally {
    blocker.close();
  }
});

test("a node is ready only once all of its services have started", async () => {
  const urlOf = (broker: ServiceBroker) => {
    const { port } = broker.getLocalService("monitor") as unknown as {
      port: { server: { address(): AddressInfo | null } } | null;
    };
    return `http://127.0.0.1:${port?.server.address()?.port}`;
  };
  const ask = async (broker: ServiceBroker) => {
    const answer = await fetch(`${urlOf(broker)}/health/ready`).catch(() => null);
    return answer && { code: answer.status, ...((await answer.json()) as Readiness) };
  };
  let early: Awaited<ReturnType<typeof ask>> = null;
  const late: ServiceSchema = {
    name: "late",
    async started(this: Service) {
      await until(async () => {
        early = await ask(this.broker);
        return early?.checks.database !== "off" && early?.checks.database.status === "up";
      });
    },
  };
  await start({
    services: ["batch", "batchLock", "batchProcessor", "clientCache", "outbox", "policy", "rateLimiter"],
    env: { METRICS_PORT: "0" },
    extra: [late],
  });
  expect(early).toMatchObject({ code: 503, status: "unavailable" });
  expect(await ask(system.broker)).toMatchObject({ code: 200, status: "ok" });
});

test("docs/operations.md names each of our metrics with its labels, and no other", async () => {
  await start();
  const rows = readFileSync(join(root, "docs/operations.md"), "utf8").matchAll(/^\| `(dataflow_\w+)` +\| ([^|]*)\|/gm);
  const told = [...rows].map(
    ([, name, labels]) => `${name} ${[...(labels ?? "").matchAll(/`(\w+)`/g)].map(([, l]) => l).sort()}`,
  );
  const all = registryOf(system.broker).getMetricsAsArray() as unknown as { name: string; labelNames: string[] }[];
  const own = all.filter(({ name }) => name.startsWith("dataflow_"));
  expect(told.sort()).toEqual(own.map(({ name, labelNames }) => `${name} ${[...labelNames].sort()}`).sort());
});

operatorsSeeFigures();
workIsCounted();
