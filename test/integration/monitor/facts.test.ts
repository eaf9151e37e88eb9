/** The metrics of faults: each test causes a fault on real servers and sees its metric change. */

import { call, type WithQueue } from "../../../services/messages.ts";
import { describeWithRabbit, newNamespace, rabbitTarget, rabbitUrlAt, removeNamespace } from "../../helpers/amqp.ts";
import { accepted, get, newClient, post, type TestClient } from "../../helpers/http.ts";
import { metrics } from "../../helpers/metrics.ts";
import { until } from "../../helpers/patience.ts";
import { startProxy, type TcpProxy } from "../../helpers/proxy.ts";
import { describeRedis, freshPrefix, looker, redisProxy, redisUrl } from "../../helpers/redis.ts";
import { type System, startSystem } from "../../helpers/system.ts";
import { hanging, rows, storeOf } from "../batch/kit.ts";

let system: System;
afterEach(() => system?.stop());

/** Waits until the samples exceed these values. Values from the database are cached for 1 s. */
async function above(wanted: Record<string, number>): Promise<void> {
  let seen: Map<string, number> = new Map();
  try {
    await until(async () => {
      seen = await metrics(system.url);
      return Object.entries(wanted).every(([key, least]) => (seen.get(key) ?? Number.NaN) > least);
    });
  } catch {
    const shown = Object.keys(wanted).map((key) => `${key} is ${seen.get(key)}`);
    throw new Error(`Not all moved: ${shown.join(", ")}`);
  }
}

describeRedis("with Redis", () => {
  let prefix: string;
  let proxy: Awaited<ReturnType<typeof redisProxy>>;
  let client: TestClient;
  const start = async (env: Record<string, string> = {}, extra: Parameters<typeof startSystem>[0] = {}) => {
    prefix = freshPrefix();
    proxy = await redisProxy(redisUrl);
    const settings = { REDIS_URL: proxy.url, REDIS_KEY_PREFIX: prefix, LOCAL_CACHE_TTL: "1ms", LOG_LEVEL: "fatal" };
    system = await startSystem({ ...extra, env: { ...settings, ...env } });
    client = await newClient(system.url);
  };
  afterEach(async () => {
    await proxy.end();
    await looker(prefix).end();
  });

  test("metrics of limiter, caches and locks count Redis hits, and fallbacks while Redis is away", async () => {
    await start();
    await until(async () => {
      await get(system.url, client, "/imports");
      const { redis } = await call(system.broker, "clientCache.figures", {});
      return (redis?.hits ?? 0) > 0;
    });
    await above({ 'dataflow_cache_redis_lookups_total{cache="clientCache",result="hit"}': 0 });
    await proxy.cut();
    await post(system.url, client, '{"a":1}');
    await above({
      'dataflow_limiter_fallbacks_total{store="redis"}': 0,
      'dataflow_cache_redis_lookups_total{cache="clientCache",result="fallback"}': 0,
      dataflow_lock_fallbacks_total: 0,
      'dataflow_locks_total{outcome="acquired"}': 0,
    });
  });

  test("without a fallback locks are unavailable while Redis is away, and batches go on", async () => {
    await start({ BATCH_LOCK_FALLBACK: "none" });
    await proxy.cut();
    await post(system.url, client, '{"a":1}');
    await above({
      'dataflow_locks_total{outcome="unavailable"}': 0,
      'dataflow_batches_total{outcome="completed",dataset="default"}': 0,
    });
  });

  test("a lock that vanished is counted as lost, and one that another worker holds as busy", async () => {
    const slow = hanging("slow");
    // The lock is extended every second, so it does not expire while this process waits for a core.
    await start({ REDIS_LOCK_TIMEOUT: "3s" }, { extra: [slow.schema] });
    client = await newClient(system.url, { handler: "slow.run" });
    const { id } = await accepted(system.url, client, rows(1));
    await until(() => slow.calls.length > 0);
    const { redis, end } = looker(`${prefix}nothing`);
    expect(await call(system.broker, "batchLock.acquire", { batchId: id, fence: 0 })).toEqual({ outcome: "busy" });
    expect(await redis.del(`${prefix}lock:batch:${id}:0`)).toBe(1);
    await above({ 'dataflow_locks_total{outcome="lost"}': 0, 'dataflow_locks_total{outcome="busy"}': 0 });
    slow.release();
    await end();
  });
});

describeWithRabbit("with RabbitMQ", () => {
  const namespace = newNamespace();
  let proxy: TcpProxy;
  afterEach(async () => {
    // Moleculer's transporter would try to connect for ever if it was stopped between two tries.
    await until(() => system.broker.transit?.tx?.connected === true);
    await system.stop();
    await proxy.close();
    await removeNamespace(namespace, [system.broker.nodeID]);
  });

  test("while RabbitMQ is away the outbox grows in depth and age; afterwards both reconnects are counted", async () => {
    proxy = await startProxy(rabbitTarget);
    const env = {
      AMQP_URL: rabbitUrlAt(proxy.port),
      NAMESPACE: namespace,
      LOG_LEVEL: "fatal",
      SWEEP_INTERVAL: "200ms",
    };
    system = await startSystem({ env });
    const client = await newClient(system.url);
    const worker = system.broker.getLocalService("batchProcessor") as unknown as WithQueue;
    await until(() => worker.isAMQPQueueUp("batch.ready"));
    await proxy.shut();
    await post(system.url, client, '{"a":1}');
    await above({ dataflow_outbox_depth: 2, dataflow_oldest_outbox_age_seconds: 0.5 });
    const { queue } = await call(system.broker, "monitor.stats", {});
    expect(queue.oldestOutboxAgeMs).toBeGreaterThan(500);
    await proxy.open();
    await above({
      'dataflow_queue_reconnects_total{link="publish"}': 0,
      'dataflow_queue_reconnects_total{link="consume"}': 0,
    });
  });
});

describe("by itself", () => {
  test("the age of the oldest ready batch rises while nobody claims it", async () => {
    system = await startSystem({ services: ["api", "batch", "clientCache", "outbox", "policy", "rateLimiter"] });
    await accepted(system.url, await newClient(system.url), rows(1));
    await above({ dataflow_oldest_ready_age_seconds: 0.5, 'dataflow_batches{state="ready"}': 0 });
  });

  test("metrics count an expired lease of a silent upload, and a lost fence of a commit after a cancel", async () => {
    const slow = hanging("slow");
    system = await startSystem({ extra: [slow.schema], env: { SWEEP_INTERVAL: "100ms", LOG_LEVEL: "fatal" } });
    const client = await newClient(system.url, { handler: "slow.run" });
    const { id } = await accepted(system.url, client, rows(1));
    await until(() => slow.calls.length > 0);
    const left = {
      clientId: 1,
      policyVersion: 1,
      dataset: "default",
      format: "ndjson" as const,
      publicId: id.replace(/^./, "f"),
      requestId: null,
      trace: null,
    };
    await storeOf(system).beginUpload(left, 1);
    await call(system.broker, "batch.cancel", { publicId: id });
    slow.release();
    await above({
      'dataflow_leases_lapsed_total{of="upload"}': 0,
      'dataflow_fences_lost_total{write="commit"}': 0,
      'dataflow_batches_total{outcome="cancelled",dataset="default"}': 0,
    });
  });
});
