import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Redis } from "ioredis";
import type { ServiceBroker, ServiceSchema } from "moleculer";
import { root } from "../../../root.cjs";
import { call } from "../../../services/messages.ts";
import { spendScript } from "../../../services/rateLimiter/rateLimiter.lua.ts";
import rateLimiter from "../../../services/rateLimiter/rateLimiter.service.ts";
import { advance, type Met, spend, type Window } from "../../../services/rateLimiter/rateLimiter.window.ts";
import { startNode } from "../../helpers/nodes.ts";
import { until } from "../../helpers/patience.ts";
import { describeRedis, freshPrefix, looker, redisProxy, redisUrl, startRedis } from "../../helpers/redis.ts";

describeRedis("the limiter on Redis", () => {
  let prefix: string;
  let look: ReturnType<typeof looker>;
  const brokers: ServiceBroker[] = [];

  beforeEach(() => {
    prefix = freshPrefix();
    look = looker(prefix);
  });
  afterEach(async () => {
    await Promise.all(brokers.splice(0).map((broker) => broker.stop()));
    await look.end();
  });

  async function node(url: string, services: ServiceSchema[] = [], namespace?: string) {
    const env = { REDIS_URL: url, REDIS_KEY_PREFIX: prefix };
    const broker = await startNode({ services: [rateLimiter, ...services], env, ...(namespace ? { namespace } : {}) });
    brokers.push(broker);
    return broker;
  }
  const consume = (broker: ServiceBroker, clientId: string, limit = 100, windowSeconds = 60) =>
    call(broker, "rateLimiter.consume", { clientId, limit, windowSeconds });
  const status = (broker: ServiceBroker) => call(broker, "rateLimiter.status", {});
  async function passedOf(broker: ServiceBroker, clientId: string, calls: number) {
    const all = await Promise.all(Array.from({ length: calls }, () => consume(broker, clientId)));
    return all.filter(({ allowed }) => allowed).length;
  }

  test("the limiter has one hash for each client, under the documented key, for two windows", async () => {
    const broker = await node(redisUrl);
    expect(await consume(broker, "0193-a", 10, 60)).toEqual({
      allowed: true,
      limit: 10,
      windowSeconds: 60,
      remaining: 9,
      resetSeconds: 60,
      retryAfterSeconds: 0,
    });
    await consume(broker, "0193-a", 10, 60);
    const key = `${prefix}ratelimit:client:{0193-a}:60`;
    expect(await look.redis.keys(`${prefix}*`)).toEqual([key]);
    expect(await look.redis.hgetall(key)).toEqual({ start: expect.stringMatching(/^\d{13}$/), prev: "0", cur: "2" });
    const ttl = await look.redis.pttl(key);
    expect(ttl).toBeGreaterThan(60_000);
    expect(ttl).toBeLessThanOrEqual(120_000);
  });

  test("a status call spends nothing; without Redis it shows the node's share", async () => {
    const proxy = await redisProxy();
    const broker = await node(proxy.url);
    const see = () => call(broker, "rateLimiter.look", { clientId: "l", limit: 10, windowSeconds: 60 });
    const fresh = { store: "redis", limit: 10, windowSeconds: 60, used: 0, remaining: 10, resetSeconds: 60 };
    expect([await see(), await see()]).toEqual([fresh, fresh]);
    expect(await look.redis.keys(`${prefix}*`)).toEqual([]);
    const { remaining } = await consume(broker, "l", 10);
    await consume(broker, "l", 10);
    for (let i = 0; i < 3; i++) expect(await see()).toMatchObject({ store: "redis", used: 2, remaining: 8 });
    expect(remaining).toBe(9);
    await proxy.cut();
    await consume(broker, "l", 10);
    expect(await see()).toMatchObject({ store: "share", limit: 10, used: 1, remaining: 9 });
    await proxy.end();
  });

  test("Lua and TypeScript agree, whatever the clock does", async () => {
    const clock = `local time = {ARGV[4], ARGV[5]}`;
    const lua = spendScript.replace('local time = redis.call("TIME")', clock);
    expect(lua).toContain(clock);
    const key = `${prefix}agree`;
    const windowMs = 1_000;
    let window: Window | undefined;
    let nowMs = 1_700_000_000_000;
    for (let i = 0; i < 3_000; i++) {
      const limit = 1 + Math.floor(Math.random() * 12);
      nowMs += Math.random() < 0.02 ? Math.floor((Math.random() - 0.3) * 3_000) : Math.floor(Math.random() * 120);
      const requests = 1 + Math.floor(Math.random() ** 4 * 5);
      const now = advance(window, windowMs, nowMs);
      window = now;
      const [met, ...others] = Array.from({ length: requests }, () => spend(now, limit, windowMs, nowMs)) as [Met];
      const allowed = [met, ...others].filter((one: Met) => one.allowed).length;
      const time = [Math.floor(nowMs / 1000), (nowMs % 1000) * 1000 + 999];
      const answer = (await look.redis.eval(lua, 1, key, limit, windowMs, requests, ...time)) as number[];
      expect({ i, answer }).toEqual({ i, answer: [allowed, met.previous, met.current, met.elapsedMs] });
    }
  });

  test("many requests in one call get the same answers as one by one", async () => {
    const broker = await node(redisUrl);
    const told = async (calls: number, limit: number) => {
      const all = await Promise.all(Array.from({ length: calls }, () => consume(broker, "together", limit)));
      return all.map(({ allowed, remaining }) => [allowed, remaining]);
    };
    expect(await told(1, 5)).toEqual([[true, 4]]);
    expect(await told(2, 5)).toEqual([
      [true, 3],
      [true, 2],
    ]);
    const [five, seven] = await Promise.all([told(4, 5), told(3, 7)]);
    expect(five).toEqual([
      [true, 1],
      [true, 0],
      [false, 0],
      [false, 0],
    ]);
    expect(seven).toEqual([
      [true, 1],
      [true, 0],
      [false, 0],
    ]);
    expect(await look.redis.hget(`${prefix}ratelimit:client:{together}:60`, "cur")).toBe("7");
  });

  test("two processes at full load: exactly the limit is allowed in a fresh window", async () => {
    const children = await Promise.all([1, 2].map(() => startChild(prefix)));
    for (const { child } of children) child.stdin?.write("go\n");
    const results = await Promise.all(children.map(({ result }) => result));
    expect(results.map(({ fallbacks }) => fallbacks)).toEqual([0, 0]);
    expect(results.reduce((sum, { passed }) => sum + passed, 0)).toBe(100);
  });

  test("while Redis is cut off or frozen, each node goes on with its share; afterwards it uses Redis again", async () => {
    const proxy = await redisProxy();
    const api = { name: "api" };
    const namespace = `nodes-${prefix}`;
    const [first, second] = await Promise.all([
      node(proxy.url, [api], namespace),
      node(proxy.url, [api], namespace),
      node(proxy.url, [], namespace),
    ]);
    for (const broker of [first, second])
      await until(async () => (await status(broker)).apiNodes === 2, "two api nodes");

    // A caller that waited for Redis would wait for ever.
    proxy.freeze();
    expect((await consume(first, "frozen")).allowed).toBe(true);
    expect(await passedOf(first, "frozen", 200)).toBe(49);
    expect(await passedOf(second, "frozen", 200)).toBe(50);
    expect(await status(first)).toEqual({ store: "share", apiNodes: 2, checks: 201, fallbacks: 201 });
    expect((await consume(first, "frozen")).limit).toBe(100);

    proxy.thaw();
    await until(async () => (await status(first)).store === "redis", "Redis is back");
    expect(await passedOf(first, "thawed", 150)).toBe(100);

    await proxy.cut();
    expect(await passedOf(first, "cut", 200)).toBe(50);
    // A node that seems to leave during the fault may only be hidden by it, so its share is not given to others.
    await second.stop();
    expect((await status(first)).apiNodes).toBe(2);
    await proxy.mend();
    await until(async () => (await status(first)).store === "redis", "Redis is back");
    await proxy.end();
  });

  test("a Redis that is full, or cannot save, falls back too", async () => {
    const server = await startRedis("--maxmemory-policy", "noeviction", "--enable-protected-configs", "yes");
    const broker = await node(server.url);
    const admin = new Redis(server.url);
    expect((await consume(broker, "a")).allowed).toBe(true);
    await admin.config("SET", "maxmemory", "1");
    expect((await consume(broker, "b")).allowed).toBe(true);
    expect((await status(broker)).fallbacks).toBe(1);
    await admin.config("SET", "maxmemory", "0");
    expect((await consume(broker, "b")).allowed).toBe(true);
    expect((await status(broker)).fallbacks).toBe(1);

    // After a failed save Redis refuses writes.
    await admin.config("SET", "dir", "/proc");
    await admin.config("SET", "save", "3600 1");
    await admin.bgsave().catch(() => {});
    await until(async () => /rdb_last_bgsave_status:err/.test(await admin.info("persistence")), "a failed save");
    expect((await consume(broker, "c")).allowed).toBe(true);
    expect((await status(broker)).fallbacks).toBe(2);
    admin.disconnect();
    await server.remove();
  });

  test("a Redis that refuses writes counts as down, with one line in the log", async () => {
    const server = await startRedis();
    const broker = await node(server.url);
    const admin = new Redis(server.url);
    const { logger } = broker.getLocalService("rateLimiter");
    const warned = jest.spyOn(logger, "warn");
    const ping = () => call(broker, "rateLimiter.ping", {});
    expect(await ping()).toBeGreaterThan(0);

    await admin.replicaof("127.0.0.1", "1");
    await Promise.all(["a", "b", "c"].map((id) => consume(broker, id)));
    await expect(ping()).rejects.toThrow(/READONLY/);
    expect((await status(broker)).store).toBe("share");
    expect(warned.mock.calls).toEqual([[expect.stringMatching(/refuses to count.*READONLY/)]]);

    await admin.replicaof("NO", "ONE");
    expect(await ping()).toBeGreaterThan(0);
    expect((await status(broker)).store).toBe("redis");
    admin.disconnect();
    await server.remove();
  });

  test("a node starts without Redis, and uses it once it is there", async () => {
    const server = await startRedis();
    await server.kill();
    const broker = await node(server.url);
    expect(await passedOf(broker, "a", 150)).toBe(100);
    await server.start();
    await until(async () => (await status(broker)).store === "redis", "Redis is there");
    expect(await passedOf(broker, "b", 150)).toBe(100);
    await server.remove();
  });
});

interface Result {
  passed: number;
  fallbacks: number;
}

async function startChild(prefix: string): Promise<{ child: ChildProcess; result: Promise<Result> }> {
  const script = join(root, "test/integration/redis/limiter.child.ts");
  const node = join(root, "node_modules/.bin/node");
  const child = spawn(node, [script, redisUrl, prefix, "100", "800"], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  await once(lines, "line");
  const result = once(lines, "line").then(([line]) => JSON.parse(line as string) as Result);
  return { child, result };
}
