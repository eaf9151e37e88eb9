/** A request through the limiter's action against rate-limiter-flexible called directly, both on the same Redis. */
import { Redis } from "ioredis";
import rateLimiter from "../services/rateLimiter/rateLimiter.service.ts";
import { compare, keyPrefix, type Options, type Report, redisUrl, runAlone, startBroker } from "./redis/compare.ts";

interface Peer {
  RateLimiterRedis: new (options: object) => { consume(key: string): Promise<unknown> };
}

export async function limiter(options: Options): Promise<Report> {
  const broker = await startBroker([rateLimiter]);
  const redis = new Redis(redisUrl, { enableOfflineQueue: true });
  // Not by a literal: the peer is installed only where the benchmarks run.
  const { RateLimiterRedis } = (await import("rate-limiter-flexible" as string)) as Peer;
  const limit = 1_000_000_000;
  const direct = new RateLimiterRedis({ storeClient: redis, keyPrefix, points: limit, duration: 60 });
  const params = { clientId: "019300000000-0000-0000-000000000000", limit, windowSeconds: 60 };
  const lines = [];
  for (const atOnce of [1, 16, 64]) {
    const ours = () => broker.call("rateLimiter.consume", params);
    const peer = () => direct.consume(params.clientId);
    lines.push(await compare("check", { ours, peer, atOnce, goal: 0.95 }, options));
  }
  await broker.stop();
  redis.disconnect();
  return { title: "Limiter: rateLimiter.consume against rate-limiter-flexible", lines };
}

await runAlone("bench/limiter.ts", limiter);
