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
import { accepted, admin, batchWhen, newClient } from "../../helpers/http.ts";
import { metrics } from "../../helpers/metrics.ts";
import { until } from "../../helpers/patience.ts";
import { type System, startSystem } from "../../helpers/system.ts";
import { storeOf } from "../batch/kit.ts";

let system: System;
afterEach(() => system?.stop());

async function importOnce() {
  const client = await newClient(system.url, { schema: { type: "object", required: ["a"] } });
  const { id } = await accepted(system.url, client, '{"a":1}\n{"a":2}\n{"b":3}\n');
  await batchWhen(system.url, client, id);
  return { client, id };
}

test("/metrics needs no login, starts at 0, and counts an import by outcome", async () => {
  system = await startSystem();
  const before = await metrics(system.url);
  for (const outcome of ["completed", "completed_with_errors", "failed", "rejected", "cancelled"])
    expect(before.get(`dataflow_batches_total{outcome="${outcome}",dataset="default"}`)).toBe(0);
  for (const work of ["batch", "upload"]) expect(before.get(`dataflow_leases_lapsed_total{of="${work}"}`)).toBe(0);
  expect(before.get('dataflow_limiter_fallbacks_total{store="redis"}')).toBe(0);

  await importOnce();
  // The queue's figures are kept for 1 s, and what was published is deleted by and by.
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
  system = await startSystem();
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
  expect(samples.get("process_resident_memory_bytes")).toBeGreaterThan(1e7);
});

test("/metrics contains no id of a client or batch, and nothing confidential of the machine", async () => {
  system = await startSystem();
  const { client, id } = await importOnce();
  const text = await (await fetch(`${system.url}/metrics`)).text();
  for (const word of [client.id, client.identifier, id, process.cwd(), "os_user", "process_arguments"])
    expect(text).not.toContain(word);
});

test("a batch that was taken away is counted once, at the first late write of its worker", async () => {
  system = await startSystem({ services: ["api", "batch", "clientCache", "outbox", "policy", "rateLimiter"] });
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
  // Refused because the chunk before is not committed: the batch is still its worker's.
  expect(await commitTo(claimed.batch, 1)).toBeNull();
  // Nobody knows whose it is.
  jest.spyOn(storeOf(system), "batch").mockRejectedValueOnce(new DatabaseUnavailable("away"));
  expect(await commitTo(claimed.batch, 1)).toBeNull();
  const samples = await metrics(system.url);
  expect(samples.get('dataflow_fences_lost_total{write="giveUp"}')).toBe(1);
  expect(samples.get('dataflow_fences_lost_total{write="commit"}')).toBe(2);
});

test("an expired lease is counted when the batch is taken away", async () => {
  system = await startSystem({
    services: ["api", "batch", "clientCache", "outbox", "policy", "rateLimiter"],
    env: { BATCH_LEASE: "1s", SWEEP_INTERVAL: "100ms" },
  });
  const client = await newClient(system.url);
  const { id } = await accepted(system.url, client, '{"a":1}\n');
  const [candidate] = await storeOf(system).candidates(1);
  await system.broker.call("batch.claim", { id: candidate?.id, owner: "x:y" });
  await batchWhen(system.url, client, id, ({ status }) => status === "ready");
  expect((await metrics(system.url)).get('dataflow_leases_lapsed_total{of="batch"}')).toBe(1);
});

interface History {
  step: string;
  series: Record<string, (number | null)[]>;
  partial: boolean;
}

interface Stats {
  rates: { acceptedPerSecond: number; requestsPerSecond: number };
  queue: { oldestOutboxAgeMs: unknown };
  running: unknown[];
}

test("GET /admin/stats shows the queue, who works, and each node's caches, limiter and locks", async () => {
  system = await startSystem();
  expect((await fetch(`${system.url}/admin/stats`)).status).toBe(401);
  expect((await admin(system.url, "/stats?x=1")).status).toBe(422);
  await importOnce();
  // A run ends a little after its batch: when its lock is free.
  const stats = await until(async () => {
    const all = (await (await admin(system.url, "/stats")).json()) as Stats;
    return all.running.length === 0 && all;
  }, "nobody to work");
  const count = expect.any(Number);
  const age = stats.queue.oldestOutboxAgeMs === null ? null : count;
  const rate = expect.any(Number);
  const rates = {
    acceptedPerSecond: rate,
    rejectedPerSecond: rate,
    duplicatePerSecond: rate,
    bytesPerSecond: rate,
    requestsPerSecond: rate,
    batchesPerSecond: rate,
  };
  const running = { version: expect.stringMatching(/^\d+\.\d+\.\d+/), startedAt: expect.stringMatching(/^20.*Z$/) };
  const up = { status: "up", latencyMs: count };
  expect(stats).toEqual({
    ...running,
    readiness: { status: "ok", checks: { database: up, redis: "off", rabbitmq: "off" } },
    rates,
    deliveries: { due: 0, oldestDueAgeMs: null, failed24h: 0 },
    queue: {
      oldestReadyAgeMs: null,
      oldestReady: null,
      waitsForItsClient: { batches: 0, oldestAgeMs: null },
      ready: 0,
      processing: 0,
      held: 0,
      outbox: expect.any(Number),
      oldestOutboxAgeMs: age,
    },
    batches: { completed_with_errors: 1 },
    running: [],
    nodes: [
      {
        node: system.broker.nodeID,
        roles: expect.arrayContaining(["api", "batchProcessor", "stats"]),
        ...running,
        cpu: rate,
        eventLoop: rate,
        rssBytes: count,
        heapBytes: count,
        rates,
        slots: { busy: 0, free: 4, paused: false },
        caches: {
          clientCache: { hits: count, misses: count, hitRate: expect.any(Number), redis: null },
          operator: { hits: 0, misses: 0, hitRate: null, redis: null },
          policy: { hits: count, misses: count, hitRate: expect.any(Number), redis: null },
        },
        limiter: { store: "process", apiNodes: 1, allowed: count, refused: 0, fallbacks: 0 },
        locks: { provider: "sql", acquired: 1, busy: 0, unavailable: 0, lost: 0, fallbacks: 0 },
        worker: { paused: false, slots: 4, running: [] },
      },
    ],
  });
});

test("rates and the history tell what was imported, as do the ten seconds of a step", async () => {
  system = await startSystem({ settings: { stats: { writeEveryMs: 100 } } });
  const { client } = await importOnce();
  const stats = await until(async () => {
    const all = (await (await admin(system.url, "/stats")).json()) as Stats;
    return all.rates.acceptedPerSecond > 0 && all;
  }, "the second to be over");
  expect(stats.rates).toMatchObject({ acceptedPerSecond: 0.2, rejectedPerSecond: 0.1, batchesPerSecond: 0.1 });
  expect(stats.rates.requestsPerSecond).toBeGreaterThan(0);
  const history = async (query: string) => {
    const answer = await admin(system.url, `/stats/history?${query}`);
    expect([query, answer.status]).toEqual([query, 200]);
    return (await answer.json()) as History;
  };
  const sum = (points: (number | null)[] = []) => points.reduce<number>((all, point) => all + (point ?? 0), 0);
  for (const step of ["10s", "1m", "1h", "1d"]) {
    const found = await until(async () => {
      const one = await history(`step=${step}`);
      return sum(one.series.accepted) === 2 && one;
    }, `the history in steps of ${step}`);
    expect(found).toMatchObject({ step, partial: true });
    const { accepted, rejected, bytes, batchesCompletedWithErrors: ended, claimLatencyMs: latency } = found.series;
    expect([sum(rejected), sum(bytes), sum(ended)]).toEqual([1, 24, 1]);
    expect(accepted?.length).toBeGreaterThan(20);
    expect(latency?.filter((point) => point !== null)).toHaveLength(1);
  }
  expect(Object.keys((await history("series=bytes,queueAge")).series)).toEqual(["bytes", "queueAgeMs"]);
  const past = await history("from=2020-01-01T00:00:00Z&to=2020-01-03T00:00:00Z&series=bytes");
  expect(past).toEqual({
    step: "1d",
    from: "2020-01-01T00:00:00.000Z",
    series: { bytes: [null, null] },
    partial: false,
  });
  // By client a minute is written once it is over, or at the stop of the node.
  const kept = () =>
    (system.broker.getLocalService("stats") as unknown as { keep(isLast: boolean): Promise<void> }).keep(true);
  await accepted(system.url, client, '{"a":1}\n').then(({ id }) => batchWhen(system.url, client, id));
  await kept();
  for (const name of [client.id, client.identifier])
    expect(sum((await history(`step=1h&client=${name}`)).series.accepted)).toBe(3);
  expect(sum((await history("step=1h")).series.accepted)).toBe(3);
});

test("a node without the api serves health and metrics on METRICS_PORT or the next free port", async () => {
  const blocker = createServer();
  await new Promise<void>((resolve) => blocker.listen(0, "127.0.0.1", resolve));
  const { port } = blocker.address() as AddressInfo;
  try {
    system = await startSystem({
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
  system = await startSystem({
    services: ["batch", "batchLock", "batchProcessor", "clientCache", "outbox", "policy", "rateLimiter"],
    env: { METRICS_PORT: "0" },
    extra: [late],
  });
  expect(early).toMatchObject({ code: 503, status: "unavailable" });
  expect(await ask(system.broker)).toMatchObject({ code: 200, status: "ok" });
});

test("docs/operations.md names each of our metrics with its labels, and no other", async () => {
  system = await startSystem();
  const rows = readFileSync(join(root, "docs/operations.md"), "utf8").matchAll(/^\| `(dataflow_\w+)` +\| ([^|]*)\|/gm);
  const told = [...rows].map(
    ([, name, labels]) => `${name} ${[...(labels ?? "").matchAll(/`(\w+)`/g)].map(([, l]) => l).sort()}`,
  );
  const all = registryOf(system.broker).getMetricsAsArray() as unknown as { name: string; labelNames: string[] }[];
  const own = all.filter(({ name }) => name.startsWith("dataflow_"));
  expect(told.sort()).toEqual(own.map(({ name, labelNames }) => `${name} ${[...labelNames].sort()}`).sort());
});
