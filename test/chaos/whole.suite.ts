/** The promise: two api nodes and two workers, started by their real commands, behave as one system. */
import type { BatchRow } from "../../services/batch/batch.domain.ts";
import type { SystemStats } from "../../services/monitor/monitor.contract.ts";
import { readFeed } from "../helpers/feed.ts";
import { accepted, admin, type Batch, batchWhen, get, lines, newClient, type TestClient } from "../helpers/http.ts";
import { metrics } from "../helpers/metrics.ts";
import { until } from "../helpers/patience.ts";
import { ADMIN_TOKEN } from "../helpers/system.ts";
import type { Cluster } from "./cluster/cluster.ts";
import type { Place } from "./cluster/place.ts";

/**
 * How soon another node must know a change. The promise is 100 ms; two busy cores with five processes need more. It is still far
 * below the 4 s after which nodes read the change from the database anyway.
 */
const SOON_MS = 500;

/** Both workers ask for the same port. */
export const METRICS_PORT = 20_000 + (process.pid % 10_000);

export function wholeSuite(cluster: Cluster): void {
  describe("that is whole", () => whole(cluster));
}

function whole(cluster: Cluster): void {
  let apis: [Place, Place];
  let workers: Place[];
  beforeAll(() => {
    apis = cluster.of("api") as typeof apis;
    workers = cluster.of("worker");
  });

  const row = (id: string) => cluster.batch(id);
  /** The id of the node that processes a batch. The batch's owner has the form `node:start`. */
  const ownerOf = async (id: string) => (await row(id))?.owner?.split(":")[0] ?? null;

  /** Waits until some chunks are done, and answers the node that processes the batch. */
  async function under(id: string): Promise<Place> {
    await until(async () => {
      const batch = await row(id);
      return batch?.state === "processing" && batch.nextChunk > 2;
    }, "a worker in the middle of the batch");
    const owner = await ownerOf(id);
    return workers.find(({ life }) => life.nodeId === owner) as Place;
  }

  /** Checks that each record of 0 … n-1 is stored exactly once. */
  async function isWhole(client: TestClient, { id }: Batch, n: number): Promise<void> {
    const batch = await batchWhen(apis[1].at, client, id, undefined, 60_000);
    expect(batch).toMatchObject({ status: "completed", counts: { received: n, accepted: n, rejected: 0 } });
    const stored = await lines<{ data: { i: number } }>(get(apis[0].at, client, `/imports/${id}/records`));
    expect(stored.map(({ data }) => data.i).sort((a, b) => a - b)).toEqual([...Array(n).keys()]);
  }

  test("every node is ready, with all of its servers", async () => {
    for (const { at } of apis) {
      const up = { status: "up", latencyMs: expect.any(Number) };
      let health: { status?: string } = {};
      await until(async () => {
        health = (await (await fetch(`${at}/health/ready`)).json()) as typeof health;
        return health.status === "ok";
      }, "the node to be ready");
      expect(health).toEqual({ status: "ok", checks: { database: up, redis: up, rabbitmq: up } });
    }
  });

  test("each worker serves health and metrics, on METRICS_PORT or the next free port", async () => {
    const ports = workers.map(({ at }) => Number(new URL(at).port));
    expect(new Set(ports).size).toBe(2);
    expect(Math.min(...ports)).toBeGreaterThanOrEqual(METRICS_PORT);
    for (const { at } of workers) {
      expect(await (await fetch(`${at}/health/live`)).json()).toEqual({ status: "ok" });
      expect(await (await fetch(`${at}/health/ready`)).json()).toMatchObject({ status: "ok" });
    }
    for (const { at } of cluster.places) {
      const samples = await metrics(at);
      expect(samples.get("dataflow_database_up")).toBe(1);
      expect(samples.get("dataflow_oldest_ready_age_seconds")).toBe(0);
      expect(samples.get('dataflow_leases_lapsed_total{of="batch"}')).toBe(0);
      expect(samples.get('dataflow_queue_reconnects_total{link="publish"}')).toBe(0);
      expect(samples.get("moleculer_broker_started")).toBe(1);
    }
  });

  test("GET /admin/stats has the figures of all four nodes", async () => {
    const stats = async () => (await (await admin(apis[0].at, "/stats")).json()) as SystemStats;
    await until(async () => (await stats()).nodes.length === 4, "the acquaintance of all");
    const { queue, nodes } = await stats();
    expect(queue).toMatchObject({ ready: 0, processing: 0, oldestReadyAgeMs: null });
    const redis = expect.objectContaining({ fallbacks: expect.any(Number) });
    const cache = expect.objectContaining({ hits: expect.any(Number), redis });
    const common = { caches: { clientCache: cache, policy: cache } };
    const limiter = expect.objectContaining({ store: "redis", apiNodes: 2 });
    for (const { life } of apis) {
      const known = nodes.find(({ node }) => node === life.nodeId);
      expect(known).toMatchObject({ ...common, limiter, locks: null, worker: null });
    }
    for (const { life } of workers) {
      const known = nodes.find(({ node }) => node === life.nodeId);
      expect(known).toMatchObject({ ...common, locks: { provider: "redis" }, worker: { paused: false, slots: 2 } });
    }
  });

  test("uploads to both api nodes are stored once, by both workers", async () => {
    const client = await newClient(apis[0].at, { chunkRecords: 20, maxConcurrentBatches: 4 });
    // Each worker counts its own claims. The owner of a batch is visible only while it runs.
    const claims = ({ at }: Place) =>
      metrics(at).then((samples) => samples.get("dataflow_claim_latency_seconds_count") ?? 0);
    const before = await Promise.all(workers.map(claims));
    const posted = await Promise.all(
      Array.from({ length: 16 }, (_, i) => accepted(apis[i % 2 ? 1 : 0].at, client, body(400))),
    );
    await until(async () => {
      const batches = await Promise.all(posted.map(({ id }) => row(id)));
      return batches.every((batch) => batch?.state === "completed");
    }, "the end of all batches");
    for (const batch of posted) await isWhole(client, batch, 400);
    for (const [i, count] of (await Promise.all(workers.map(claims))).entries())
      expect(count).toBeGreaterThan(before[i] as number);
  });

  test("a client that is disabled on one api node is refused on the other at once", async () => {
    const client = await newClient(apis[0].at);
    const statusAt = async ({ at }: Place) => (await get(at, client, "/imports")).status;
    expect([await statusAt(apis[0]), await statusAt(apis[1])]).toEqual([200, 200]);
    const body = JSON.stringify({ status: "disabled" });
    expect((await admin(apis[0].at, `/clients/${client.id}`, { method: "PATCH", body })).status).toBe(200);
    await until(async () => (await statusAt(apis[1])) === 403, "the refusal on the other api", SOON_MS);
    expect(await statusAt(apis[0])).toBe(403);
  });

  test("a logout on one api node ends the streams of the session on the other", async () => {
    const { at } = apis[0];
    const headers = { "content-type": "application/json", origin: at };
    const login = await fetch(`${at}/session`, {
      method: "POST",
      headers,
      body: JSON.stringify({ token: ADMIN_TOKEN }),
    });
    const cookie = login.headers.getSetCookie()[0]?.split(";")[0] as string;
    const stream = await readFeed(`${apis[1].at}/admin/events?topics=stats`, { cookie });
    await fetch(`${at}/session`, { method: "DELETE", headers: { cookie, origin: at } });
    await stream.ended;
  });

  /**
   * How many requests the api nodes have counted without Redis. A node does so when Redis answers late, and this busy process
   * holds the link to it.
   */
  async function countedAlone(): Promise<number> {
    const counts = apis.map(async ({ at }) =>
      (await metrics(at)).get('dataflow_limiter_fallbacks_total{store="redis"}'),
    );
    return (await Promise.all(counts)).reduce<number>((sum, count) => sum + Number(count), 0);
  }

  test("both api nodes count against the same rate limit", async () => {
    await until(async () => {
      const before = await countedAlone();
      const client = await newClient(apis[0].at, { rate: { requests: 20, windowSeconds: 3_600 } });
      const statuses: number[] = [];
      while (statuses.length < 40) {
        const asked = Array.from({ length: 8 }, (_, i) => get(apis[i % 2 ? 1 : 0].at, client, "/imports"));
        statuses.push(...(await Promise.all(asked)).map(({ status }) => status));
      }
      if ((await countedAlone()) > before) return false;
      expect(statuses.filter((status) => status === 200)).toHaveLength(20);
      expect(statuses.filter((status) => status === 429)).toHaveLength(20);
      return true;
    }, "forty requests that are counted in Redis");
  });

  test("a worker that is killed in a batch loses nothing, and the batch goes on after its lease", async () => {
    const client = await newClient(apis[0].at, { chunkRecords: 20 });
    const batch = await accepted(apis[0].at, client, body(2_000));
    const doomed = await under(batch.id);
    await doomed.end("SIGKILL");
    const left = (await row(batch.id)) as BatchRow;
    expect(left.state).toBe("processing");
    await until(async () => ((await row(batch.id))?.nextChunk ?? 0) > left.nextChunk, "the next chunk", 10_000);
    await isWhole(client, batch, 2_000);
    expect((await row(batch.id))?.fence).toBeGreaterThan(1);
    const alive = cluster.places.filter((place) => place !== doomed);
    const lapsed = alive.map(
      async ({ at }) => (await metrics(at)).get('dataflow_leases_lapsed_total{of="batch"}') ?? 0,
    );
    expect((await Promise.all(lapsed)).reduce((sum, n) => sum + n)).toBe(1);
    doomed.start();
    await cluster.untilWhole();
  });

  test("a worker that stops hands its batch back within 2 s, without counting an attempt", async () => {
    const client = await newClient(apis[0].at, { chunkRecords: 20 });
    const batch = await accepted(apis[0].at, client, body(2_000));
    const leaving = await under(batch.id);
    const { nodeId } = leaving.life;
    const stopping = leaving.end("SIGTERM");
    const isHandedBack = async () => (await ownerOf(batch.id)) !== nodeId;
    await until(isHandedBack, "the batch to be handed back", 2_000);
    expect((await row(batch.id))?.state).not.toBe("completed");
    expect(await stopping).toMatchObject({ code: 0 });
    await isWhole(client, batch, 2_000);
    expect(await row(batch.id)).toMatchObject({ attempt: 1 });
    leaving.start();
    await cluster.untilWhole();
  });
}

const body = (records: number) => Array.from({ length: records }, (_, i) => `{"i":${i}}\n`).join("");
