import type { Service, ServiceBroker, ServiceSchema } from "moleculer";
import { cacheMixin, type WithCache } from "../../../mixins/cache.ts";
import { define } from "../../../mixins/define.ts";
import { acquainted, startNode } from "../../helpers/nodes.ts";
import { patience, until } from "../../helpers/patience.ts";
import { describeRedis, freshPrefix, looker, redisProxy, redisUrl } from "../../helpers/redis.ts";
import { Table, type Thing } from "./cache.table.ts";

type Things = Service & WithCache<Thing>;

const LOCAL_MS = 60_000;

/**
 * A Moleculer service that uses the cache. Values stay in the process for long here, so that something else must bound their age.
 */
const things = (table: Table): ServiceSchema =>
  define({
    name: "things",
    mixins: [
      cacheMixin<Thing>({
        name: "thing",
        localTtlMs: () => LOCAL_MS,
        redisTtlMs: () => 300_000,
        absentTtlMs: 300,
        maxEntries: 100,
        invalidatedBy: {
          "thing.changed": ({ key, version }: { key: string; version: number }) => ({ keys: [key], version }),
        },
        changes: async (_service, ms) => table.changes(ms),
      }),
    ],
    actions: {
      get(ctx: { params: { key: string } }) {
        return this.cached(ctx.params.key, () => table.read(ctx.params.key));
      },
    },
  });

describeRedis("the cache", () => {
  let prefix: string;
  let look: ReturnType<typeof looker>;
  let table: Table;
  const brokers: ServiceBroker[] = [];

  beforeEach(() => {
    prefix = freshPrefix();
    look = looker(prefix);
    table = new Table();
  });
  afterEach(async () => {
    await Promise.all(brokers.splice(0).map((broker) => broker.stop()));
    await look.end();
  });

  /** A node. Nodes of one `namespace` receive each other's events. */
  async function node(url: string | null = redisUrl, namespace?: string) {
    const env = { REDIS_KEY_PREFIX: prefix, ...(url ? { REDIS_URL: url } : {}) };
    const broker = await startNode({ services: [things(table)], env, ...(namespace ? { namespace } : {}) });
    brokers.push(broker);
    const service = broker.getLocalService("things") as unknown as Things;
    await service.readChanges();
    return {
      service,
      local: (service as unknown as { local: { flush(): void } }).local,
      broker,
      get: (key: string) => broker.call("things.get", { key }) as Promise<Thing | null>,
      figures: () => service.cacheFigures(),
    };
  }
  async function pair() {
    const both = await Promise.all([node(redisUrl, prefix), node(redisUrl, prefix)]);
    await acquainted(brokers, "things");
    return both;
  }
  const inRedis = async (key: string) => (await look.redis.get(`${prefix}cache:thing:${key}`)) as string;
  const stored = (key: string, version: number) =>
    until(async () => (await inRedis(key))?.startsWith(`${version}:`), `version ${version} in Redis`);

  test("a value is loaded once for all callers, then comes from the process, on another node from Redis", async () => {
    const one = await node();
    const two = await node();
    table.write("a", 1);
    const all = await Promise.all(Array.from({ length: 50 }, () => one.get("a")));
    expect(new Set(all.map((value) => value?.text))).toEqual(new Set(["v1"]));
    await one.get("a");
    expect(table.loads).toBe(1);
    await stored("a", 1);
    const ttl = await look.redis.pttl(`${prefix}cache:thing:a`);
    expect(ttl).toBeGreaterThan(290_000);
    expect(ttl).toBeLessThanOrEqual(300_000);
    expect(await two.get("a")).toEqual({ version: 1, text: "v1" });
    expect(table.loads).toBe(1);
    expect(one.figures()).toEqual({
      local: { hits: 1, misses: 50, size: 1 },
      redis: { hits: 0, misses: 1, fallbacks: 0 },
    });
    expect(two.figures().redis).toEqual({ hits: 1, misses: 0, fallbacks: 0 });
  });

  test("a change is in Redis before it is announced, and then no node serves an older value", async () => {
    const [one, two] = await pair();
    table.write("a", 1);
    await Promise.all([one.get("a"), two.get("a")]);
    await one.service.renewed(["a"], table.write("a", 2));
    expect(await inRedis("a")).toMatch(/^2:/);
    await one.broker.broadcast("thing.changed", { key: "a", version: 2 });
    await until(async () => (await two.get("a"))?.version === 2, "the other node has heard of it", 1_000);
    expect(await one.get("a")).toEqual({ version: 2, text: "v2" });
    expect(table.loads).toBeLessThanOrEqual(2);
  });

  test("a load that began before a change overwrites it nowhere", async () => {
    const [one, two] = await pair();
    table.write("a", 1);
    const gate = Promise.withResolvers<void>();
    table.gate = gate.promise;
    const slow = [one.get("a"), two.get("a")];
    await until(() => table.loads === 2, "both load");
    table.gate = Promise.resolve();
    await one.service.renewed(["a"], table.write("a", 2));
    await one.broker.broadcast("thing.changed", { key: "a", version: 2 });
    gate.resolve();
    await Promise.all(slow);
    expect((await one.get("a"))?.version).toBe(2);
    await until(async () => (await two.get("a"))?.version === 2, "the other node has heard of it", 1_000);
    expect(await inRedis("a")).toMatch(/^2:/);
    expect((await two.get("a"))?.version).toBe(2);
  });

  test("a node that heard of a change does not believe an older value in Redis", async () => {
    const one = await node();
    table.write("a", 1);
    await one.get("a");
    await stored("a", 1);
    table.write("a", 2);
    await one.broker.broadcast("thing.changed", { key: "a", version: 2 });
    expect((await one.get("a"))?.version).toBe(2);
  });

  test("a flush has recent changes written to Redis again: a slow load can have put an old value there", async () => {
    const one = await node();
    table.write("a", 2);
    await one.service.readChanges();
    await look.redis.set(`${prefix}cache:thing:a`, '1:{"version":1,"text":"v1"}');
    one.service.flushCache();
    await stored("a", 2);
  });

  test("with every event and write to Redis lost, old values live for 6 s at most", async () => {
    const [one, two] = await Promise.all([node(), node()]);
    table.write("a", 1);
    table.write("b", 1);
    await Promise.all([one.get("a"), two.get("a"), two.get("b")]);
    table.write("a", 2);
    const began = performance.now();
    await until(async () => (await two.get("a"))?.version === 2, "the safety read");
    expect(performance.now() - began).toBeLessThan(patience(6_000));
    await until(async () => (await one.get("a"))?.version === 2, "the safety read");
    expect(performance.now() - began).toBeLessThan(patience(6_000));
    await stored("a", 2);
    expect((await two.get("b"))?.version).toBe(1);
  });

  test("Redis hangs: the database answers, and values changed meanwhile are never old again", async () => {
    const proxy = await redisProxy();
    const one = await node(proxy.url);
    table.write("a", 1);
    await one.get("a");
    await stored("a", 1);
    // A caller that waited for Redis would wait for ever.
    proxy.freeze();
    table.write("b", 1);
    expect((await one.get("b"))?.version).toBe(1);
    table.write("c", 1);
    await one.get("c");
    expect(one.figures().redis?.fallbacks).toBe(2);

    await one.service.renewed(["a"], table.write("a", 2));
    expect(await inRedis("a")).toMatch(/^1:/);
    proxy.thaw();
    const { hits = 0 } = one.figures().redis ?? {};
    await until(async () => {
      expect((await one.get("a"))?.version).toBe(2);
      one.local.flush();
      return (one.figures().redis?.hits ?? 0) > hits;
    }, "Redis serves again");
    expect(await inRedis("a")).toMatch(/^2:/);
    await proxy.end();
  });

  test("a node that starts on a Redis with old values does not read it before it knows the changes", async () => {
    const first = await node();
    table.write("a", 1);
    await first.get("a");
    await stored("a", 1);
    await brokers.pop()?.stop();
    // A killed node had committed this change but not yet written it to Redis.
    table.write("a", 2);
    const second = await node();
    expect((await second.get("a"))?.version).toBe(2);
  });

  test("emptying the cache deletes only its own keys in Redis, on every node, with any prefix", async () => {
    prefix = `${prefix.slice(0, -1)}*?[a]:`;
    const [one, two] = await pair();
    const others = ["cache:thin", "cache:thing", "cache:things:a", "other"].map((key) => prefix + key);
    await look.redis.mset([...others, `${prefix.replace("*", "x")}cache:thing:a`].flatMap((key) => [key, "1"]));
    for (let i = 0; i < 50; i++) {
      table.write(`k${i}`, 1);
      await one.get(`k${i}`);
    }
    await stored("k49", 1);
    // No version shows this change, as if an operator had changed the row by hand.
    table.write("k1", 1, "mended");
    expect(await one.service.emptyRedis()).toBe(50);
    await one.broker.broadcast("caches.flush", {});
    expect(await look.redis.mget(others)).toEqual(others.map(() => "1"));
    expect(await look.redis.get(`${prefix.replace("*", "x")}cache:thing:a`)).toBe("1");
    await until(async () => (await two.get("k1"))?.text === "mended", "the database's value");
    expect((await one.get("k1"))?.text).toBe("mended");
  });

  test("a missing value is cached for a moment, and only in the process", async () => {
    const one = await node();
    expect(await one.get("new")).toBeNull();
    expect(await one.get("new")).toBeNull();
    expect(table.loads).toBe(1);
    table.rows.set("new", { version: 1, text: "v1", changedAt: 0 });
    await until(async () => (await one.get("new")) !== null, "it is looked for again", 1_000);
    expect(await look.redis.keys(`${prefix}*`)).toEqual([`${prefix}cache:thing:new`]);
  });

  test("without Redis the cache has one level with the same promises", async () => {
    const one = await node(null);
    table.write("a", 1);
    await one.get("a");
    await one.service.renewed(["a"], table.write("a", 2));
    expect((await one.get("a"))?.version).toBe(2);
    expect(table.loads).toBe(1);
    expect(one.figures()).toEqual({ local: { hits: 1, misses: 1, size: 1 }, redis: null });
  });
});
