/**
 * A request through the action of `rateLimiter`, compared with a direct call of rate-limiter-flexible. Both use the same Redis.
 */
import { Redis } from "ioredis";
import rateLimiter from "../services/rateLimiter/rateLimiter.service.ts";
import { needs, peer as peerPackage, redisUrl } from "./kit/needs.ts";
import type { Benchmark } from "./kit/report.ts";
import { compare, keyPrefix, removesKeys, startBroker } from "./redis/compare.ts";

interface Peer {
  RateLimiterRedis: new (options: object) => { consume(key: string): Promise<unknown> };
}

export const limiter: Benchmark = async (options) => {
  await needs(["redis"], ["rate-limiter-flexible"]);
  const { RateLimiterRedis } = await peerPackage<Peer>("rate-limiter-flexible");
  removesKeys();
  const broker = await startBroker([rateLimiter]);
  const redis = new Redis(redisUrl, { enableOfflineQueue: true });
  const limit = 1_000_000_000;
  const direct = new RateLimiterRedis({ storeClient: redis, keyPrefix, points: limit, duration: 60 });
  const params = { clientId: "019300000000-0000-0000-000000000000", limit, windowSeconds: 60 };
  const lines = [];
  for (const atOnce of [1, 16, 64]) {
    const ours = () => broker.call("rateLimiter.consume", params);
    const peer = () => direct.consume(params.clientId);
    lines.push(await compare("check", { ours, peer, atOnce, goal: atOnce === 1 ? 0.9 : 1 }, options));
  }
  await broker.stop();
  redis.disconnect();
  return { title: "limiter: rateLimiter.consume against rate-limiter-flexible called directly", lines };
};
