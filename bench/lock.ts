/** Acquires and releases a lock through the actions of `batchLock`, compared with bare redlock. Both use the same Redis. */
import { Redis } from "ioredis";
import type { ServiceBroker } from "moleculer";
import Redlock, { type RedlockClient } from "redlock";
import batchLock from "../services/batchLock/batchLock.service.ts";
import { isThere, needs, redisUrl } from "./kit/needs.ts";
import { ADMIN_TOKEN } from "./kit/node.ts";
import { type Benchmark, type Line, median, type Options } from "./kit/report.ts";
import { newDatabase } from "./kit/servers.ts";
import { compare, keyPrefix, rateOf, removesKeys, startBroker, whole } from "./redis/compare.ts";

let id = 0;

const through = (broker: ServiceBroker) => async () => {
  const batchId = `ours-${++id}`;
  const { token } = (await broker.call("batchLock.acquire", { batchId, fence: 0 })) as { token: string };
  await broker.call("batchLock.release", { batchId, fence: 0, token });
};

export const lock: Benchmark = async (options) => {
  await needs(["redis"]);
  removesKeys();
  const broker = await startBroker([batchLock], { DATABASE_URL: "sqlite::memory:" });
  const redis = new Redis(redisUrl, { keyPrefix });
  const redlock = new Redlock([redis as unknown as RedlockClient], { retryCount: 0 });
  const peer = async () => redlock.unlock(await redlock.acquire(`lock:batch:peer-${++id}`, 30_000));
  const lines = [];
  for (const atOnce of [1, 16, 64])
    lines.push(
      await compare("lock and unlock", { ours: through(broker), peer, atOnce, goal: atOnce === 1 ? 0.9 : 1 }, options),
    );
  await broker.stop();
  redis.disconnect();
  lines.push(...(await bySql(options)));
  return { title: "lock: batchLock.acquire and release against bare redlock", lines };
};

/** The same measurement with locks in a PostgreSQL table. It has no goal; the figure helps to choose a provider. */
async function bySql({ size }: Options): Promise<Line[]> {
  if (!(await isThere("postgres"))) return [{ label: "by the SQL provider", figure: "NOT RUN: no postgres answers" }];
  const { url, drop } = await newDatabase();
  const broker = await startBroker([batchLock], {
    DATABASE_URL: url,
    BATCH_LOCK_PROVIDER: "sql",
    ADMIN_TOKEN,
  });
  const lines: Line[] = [];
  for (const atOnce of [1, 16]) {
    const figures: number[] = [];
    for (let round = 0; round < (size === "quick" ? 4 : 12); round++)
      figures.push((await rateOf(through(broker), atOnce, 250)).perSecond);
    const figure = `${whole(median(figures.slice(1)))} /s`;
    lines.push({ label: `by the SQL provider, ${atOnce} at once`, figure });
  }
  await broker.stop();
  await drop();
  return lines;
}
