/** GET /admin/stats and its history. */
import { accepted, admin, batchWhen } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { importOnce, start, system } from "./metrics.kit.ts";

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

export function operatorsSeeFigures(): void {
  test("GET /admin/stats shows the queue, who works, and each node's caches, limiter and locks", async () => {
    await start();
    expect((await fetch(`${system.url}/admin/stats`)).status).toBe(401);
    expect((await admin(system.url, "/stats?x=1")).status).toBe(422);
    await importOnce();
    // A run ends a little after its batch, when its lock is released.
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
    await start({ settings: { stats: { writeEveryMs: 100 } } });
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
    expect(Object.keys((await history("series=accepted,queueAgeMs")).series)).toEqual(["accepted", "queueAgeMs"]);
    const past = await history("from=2020-01-01T00:00:00Z&to=2020-01-03T00:00:00Z&series=bytes");
    expect(past).toEqual({
      step: "1d",
      from: "2020-01-01T00:00:00.000Z",
      series: { bytes: [null, null] },
      partial: false,
    });
    // Minutes by client are written when a minute is over, or when the node stops.
    const kept = () =>
      (system.broker.getLocalService("stats") as unknown as { keep(isLast: boolean): Promise<void> }).keep(true);
    await accepted(system.url, client, '{"a":1}\n').then(({ id }) => batchWhen(system.url, client, id));
    // A batch ends a moment before its figures are counted.
    await until(async () => sum((await history("step=1h")).series.accepted) === 3, "the third record to be counted");
    await kept();
    for (const name of [client.id, client.identifier])
      expect(sum((await history(`step=1h&client=${name}`)).series.accepted)).toBe(3);
  });
}
