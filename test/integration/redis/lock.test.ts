import type { ServiceBroker } from "moleculer";
import batchLock from "../../../services/batchLock/batchLock.service.ts";
import { SqlLocks } from "../../../services/batchLock/batchLock.sql.ts";
import { call } from "../../../services/messages.ts";
import { freshDatabase } from "../../helpers/database.ts";
import { startNode } from "../../helpers/nodes.ts";
import { patience, until } from "../../helpers/patience.ts";
import { describeRedis, freshPrefix, looker, type RedisServer, redisUrl, startRedis } from "../../helpers/redis.ts";

const acquire = (broker: ServiceBroker, batchId: string) => call(broker, "batchLock.acquire", { batchId, fence: 0 });
const extend = (broker: ServiceBroker, batchId: string, token: string) =>
  call(broker, "batchLock.extend", { batchId, fence: 0, token });
const release = (broker: ServiceBroker, batchId: string, token: string) =>
  call(broker, "batchLock.release", { batchId, fence: 0, token });
const status = (broker: ServiceBroker) => call(broker, "batchLock.status", {});

/** Acquires as `acquire` does, by Redis itself. While Redis answers late, the node asks SQL instead, which would not know the lock. */
const acquireByRedis = (broker: ServiceBroker, batchId: string) =>
  until(async () => {
    const lock = await acquire(broker, batchId);
    if (lock.outcome !== "acquired" || lock.token.startsWith("own:")) return lock;
    await release(broker, batchId, lock.token);
    return null;
  });

async function token(broker: ServiceBroker, batchId: string): Promise<string> {
  const lock = await acquire(broker, batchId);
  if (lock.outcome !== "acquired") throw new Error(`The lock is ${lock.outcome}.`);
  return lock.token;
}

describeRedis("batch locks on Redis", () => {
  const brokers: ServiceBroker[] = [];
  let servers: RedisServer[] = [];
  afterEach(async () => {
    await Promise.all(brokers.splice(0).map((broker) => broker.stop()));
    await Promise.all(servers.splice(0).map((server) => server.remove()));
  });

  async function worker(env: Record<string, string>) {
    const broker = await startNode({ services: [batchLock], env: { DATABASE_URL: "sqlite::memory:", ...env } });
    brokers.push(broker);
    return broker;
  }
  async function quorum(env: Record<string, string> = {}) {
    servers = await Promise.all([startRedis(), startRedis(), startRedis()]);
    const [first] = servers as [RedisServer];
    const nodes = { REDIS_URL: first.url, REDIS_LOCK_NODES: servers.map(({ url }) => url).join(",") };
    return [await worker({ ...nodes, ...env }), await worker({ ...nodes, ...env })] as const;
  }

  test("one Redis node: one of many workers gets the lock, under the documented key, for its TTL", async () => {
    const prefix = freshPrefix();
    const look = looker(prefix);
    const env = { REDIS_URL: redisUrl, REDIS_KEY_PREFIX: prefix, REDIS_LOCK_TIMEOUT: "5s" };
    const [one, two] = [await worker(env), await worker(env)];
    const all = await Promise.all(Array.from({ length: 20 }, (_, i) => acquireByRedis(i % 2 ? one : two, "b1")));
    expect(all.map(({ outcome }) => outcome).sort()).toEqual(["acquired", ...Array(19).fill("busy")]);
    const [won] = all.flatMap((lock) => (lock.outcome === "acquired" ? [lock.token] : []));

    const key = `${prefix}lock:batch:b1:0`;
    expect(await look.redis.keys(`${prefix}*`)).toEqual([key]);
    // The token is a UUID. Redlock's own 16 random bytes would be hexadecimal without dashes, and costly to make.
    expect(await look.redis.get(key)).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(won).toBe(`own:${await look.redis.get(key)}`);
    await look.redis.pexpire(key, 1_000);
    expect(await extend(one, "b1", won as string)).toBe(true);
    expect(await look.redis.pttl(key)).toBeGreaterThan(4_000);
    expect(await extend(one, "b1", "own:another")).toBe(false);
    await release(one, "b1", "own:another");
    expect(await acquireByRedis(two, "b1")).toEqual({ outcome: "busy" });
    await release(one, "b1", won as string);
    expect((await acquireByRedis(two, "b1")).outcome).toBe("acquired");
    await look.redis.del(key);
    expect(await extend(two, "b1", won as string)).toBe(false);
    await look.end();
  });

  test("the locks of a group have one token: all of them are held, or none", async () => {
    const prefix = freshPrefix();
    const look = looker(prefix);
    const one = await worker({ REDIS_URL: redisUrl, REDIS_KEY_PREFIX: prefix });
    const claims = ["b1", "b2"].map((batchId) => ({ batchId, fence: 0 }));
    const held = await token(one, "b2");
    expect(await call(one, "batchLock.acquireAll", { claims })).toEqual({ outcome: "busy" });
    expect(await look.redis.keys(`${prefix}*`)).toEqual([`${prefix}lock:batch:b2:0`]);
    await release(one, "b2", held);

    const group = await call(one, "batchLock.acquireAll", { claims });
    if (group.outcome !== "acquired") throw new Error(group.outcome);
    expect(await acquire(one, "b1")).toEqual({ outcome: "busy" });
    await look.redis.pexpire(`${prefix}lock:batch:b1:0`, 1_000);
    expect(await call(one, "batchLock.extendAll", { claims, token: group.token })).toBe(true);
    expect(await look.redis.pttl(`${prefix}lock:batch:b1:0`)).toBeGreaterThan(4_000);
    await call(one, "batchLock.releaseAll", { claims, token: group.token });
    expect(await look.redis.keys(`${prefix}*`)).toEqual([]);
    await look.end();
  });

  test("three Redis nodes: with one dead locks work, with two dead the fallback serves, then the quorum again", async () => {
    const [one, two] = await quorum();
    const [a, b] = servers as [RedisServer, RedisServer];
    const held = await token(one, "held");

    await a.kill();
    const lock = await token(one, "b1");
    expect(await acquire(two, "b1")).toEqual({ outcome: "busy" });
    expect(await extend(one, "b1", lock)).toBe(true);
    await release(one, "b1", lock);
    await release(two, "b1", await token(two, "b1"));
    expect(await extend(one, "held", held)).toBe(true);
    expect(await status(one)).toMatchObject({ provider: "redis", fallbacks: 0 });

    await b.kill();
    expect(await extend(one, "held", held)).toBe(false);
    const other = await token(one, "b2");
    expect(await acquire(one, "b2")).toEqual({ outcome: "busy" });
    expect(await extend(one, "b2", other)).toBe(true);
    expect(await status(one)).toMatchObject({ fallbacks: 2, unavailable: 0 });

    await Promise.all([a.start(), b.start()]);
    const before = await status(one);
    await until(async () => {
      await release(one, "b3", await token(one, "b3"));
      return (await status(one)).fallbacks === before.fallbacks || isSettled(before, await status(one));
    }, "the quorum is back");
    await release(one, "b2", other);
    expect((await acquire(two, "b2")).outcome).toBe("acquired");
  });

  /** Whether no more fallbacks happen. It moves `before` along while they still do. */
  function isSettled(before: { fallbacks: number }, now: { fallbacks: number }): boolean {
    const is = before.fallbacks === now.fallbacks;
    before.fallbacks = now.fallbacks;
    return is;
  }

  test("without a fallback locks are unavailable, and batches go on", async () => {
    const [one] = await quorum({ BATCH_LOCK_FALLBACK: "none" });
    await Promise.all(servers.slice(0, 2).map((server) => server.kill()));
    expect(await acquire(one, "b1")).toEqual({ outcome: "unavailable" });
    expect(await status(one)).toMatchObject({ fallbacks: 0, unavailable: 1 });
  });

  test("a frozen Redis node costs one attempt up to 100 ms, later ones nothing", async () => {
    const [one, two] = await quorum();
    (servers[1] as RedisServer).freeze();
    const took = [];
    for (let i = 0; i < 20; i++) {
      const began = performance.now();
      await token(one, `b${i}`);
      took.push(performance.now() - began);
    }
    expect(Math.max(...took)).toBeLessThan(patience(300));
    expect(took.sort((x, y) => x - y)[10]).toBeLessThan(patience(50));
    expect(await acquire(two, "b1")).toEqual({ outcome: "busy" });

    (servers[2] as RedisServer).freeze();
    // A caller that waited for the frozen node would wait for ever.
    await token(one, "c");
    expect(await status(one)).toMatchObject({ fallbacks: 1 });
  });

  test("locks in the database table behave the same", async () => {
    const database = await freshDatabase();
    const locks = new SqlLocks(database.db.locks);
    const all = await Promise.all(Array.from({ length: 5 }, () => locks.acquire("b", 60_000)));
    expect(all.map(({ outcome }) => outcome).sort()).toEqual(["acquired", "busy", "busy", "busy", "busy"]);
    const [won] = all.flatMap((lock) => (lock.outcome === "acquired" ? [lock.token] : []));
    expect(await locks.extend("b", won as string, 60_000)).toBe(true);
    await locks.release("b", won as string);
    expect((await locks.acquire("b", 60_000)).outcome).toBe("acquired");
    expect((await locks.acquire(["a", "b"], 60_000)).outcome).toBe("busy");
    const group = await locks.acquire(["a", "c"], 60_000);
    if (group.outcome !== "acquired") throw new Error(group.outcome);
    expect(await locks.extend(["a", "c"], group.token, 60_000)).toBe(true);
    expect(await locks.extend(["a", "b"], group.token, 60_000)).toBe(false);
    await locks.release(["a", "c"], group.token);
    expect((await locks.acquire(["c", "a"], 60_000)).outcome).toBe("acquired");
    await database.db.close();
    expect(await locks.acquire("b", 60_000)).toEqual({ outcome: "unavailable" });
    expect(await locks.extend("b", won as string, 60_000)).toBe(false);
    await database.remove();
  });
});
