/** Many small imports at once on PostgreSQL, compared with a bare server that makes each body durable there. */
import { startChild } from "../kit/child.ts";
import { newCluster } from "../kit/cluster.ts";
import type { Load, Loaded } from "../kit/load.ts";
import { againstFloor, type Benchmark, inTurns, median, quantile, rate } from "../kit/report.ts";
import { newDatabase } from "../kit/servers.ts";
import { body, headFor, headOf, RECORDS } from "../small.ts";

const CONNECTIONS = 16;
/** The length of the warm-up. V8 compiles the code meanwhile; afterwards a request takes a third less CPU. */
const WARM_UP_MS = 12_000;

export const pgSmall: Benchmark = async ({ size, rounds }) => {
  const ms = size === "quick" ? 1_500 : 3_000;
  const times = rounds ?? (size === "quick" ? 4 : 9);
  // Each api has its own namespace, because the worker of the second one would process the uploads of the first one too.
  const [door, whole] = [await newCluster(), await newCluster()];
  const place = await newDatabase();
  const bare = startChild<{ url: string }, number>("floors/pgServer.ts");
  const generator = startChild<Load, Loaded>("kit/load.ts");
  const targets = {
    floor: { port: await bare.ask({ url: place.url }), head: headOf("127.0.0.1", []) },
    door: await headFor(await door.start("start:api")),
    whole: await headFor(await whole.start("start:api")),
  };
  const latencies: Record<string, number[]> = { floor: [], door: [], whole: [] };
  const loaded = async (name: keyof typeof targets, isWarmUp: boolean) => {
    const result = await generator.ask({
      ...targets[name],
      connections: CONNECTIONS,
      ms: isWarmUp ? WARM_UP_MS : ms,
      body,
    });
    if (!isWarmUp) latencies[name]?.push(...result.latencies);
    return result.perSecond;
  };
  const figures = await inTurns(times, {
    floor: (isWarmUp) => loaded("floor", isWarmUp),
    door: (isWarmUp) => loaded("door", isWarmUp),
    whole: async (isWarmUp) => {
      // The worker runs only during the measurement, because its remaining work would disturb the next round.
      const worker = await whole.start("start:worker");
      const figure = await loaded("whole", isWarmUp);
      await worker.stop();
      return figure;
    },
  });
  await Promise.all([bare.stop(), generator.stop()]);
  await place.drop();
  await door.stop();
  await whole.stop();
  const told = (name: string) =>
    `${name} p50 ${quantile(latencies[name] as number[], 0.5).toFixed(1)} ms, p99 ${quantile(latencies[name] as number[], 0.99).toFixed(1)} ms`;
  return {
    title: `pg-small: POST /imports of ${RECORDS} records (${body.length.toLocaleString("en-US")} bytes) on PostgreSQL, ${CONNECTIONS} connections; ${times} rounds of ${ms / 1000} s`,
    lines: [
      { label: "floor: bare node:http, one durable insert each", figure: rate(figures.floor, "req/s") },
      againstFloor("one api", figures.door, figures.floor, "req/s", 50),
      {
        label: "one api, a worker on the same machine",
        figure: rate(figures.whole, "req/s"),
        ratio: `${((100 * median(figures.whole)) / median(figures.floor)).toFixed(0)} % of the floor`,
      },
    ],
    notes: [`Latency: ${["floor", "door", "whole"].map(told).join("; ")}.`],
  };
};
