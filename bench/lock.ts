/** Taking and giving back a lock through batchLock's actions against bare redlock, both on the same Redis. */
import { Redis } from "ioredis";
import Redlock, { type RedlockClient } from "redlock";
import batchLock from "../services/batchLock/batchLock.service.ts";
import { compare, keyPrefix, type Options, type Report, redisUrl, runAlone, startBroker } from "./redis/compare.ts";

export async function lock(options: Options): Promise<Report> {
  const broker = await startBroker([batchLock], { DATABASE_URL: "sqlite::memory:" });
  const redis = new Redis(redisUrl, { keyPrefix });
  const redlock = new Redlock([redis as unknown as RedlockClient], { retryCount: 0 });
  let id = 0;
  const ours = async () => {
    const batchId = `ours-${++id}`;
    const { token } = (await broker.call("batchLock.acquire", { batchId, fence: 0 })) as { token: string };
    await broker.call("batchLock.release", { batchId, fence: 0, token });
  };
  const peer = async () => redlock.unlock(await redlock.acquire(`lock:batch:peer-${++id}`, 30_000));
  const lines = [];
  for (const atOnce of [1, 16])
    lines.push(await compare("lock and unlock", { ours, peer, atOnce, goal: 0.9 }, options));
  await broker.stop();
  redis.disconnect();
  return { title: "Batch lock: batchLock.acquire and release against bare redlock", lines };
}

await runAlone("bench/lock.ts", lock);
