/** The promise: the cache in Redis is read only while it certainly contains all recent changes. */
import { SharedLevel } from "../../../lib/cache/shared.ts";
import { RedisLink } from "../../../lib/redis/link.ts";
import { describeRedis, freshPrefix, looker, redisUrl } from "../../helpers/redis.ts";

interface Thing {
  version: number;
}

describeRedis("the level in Redis", () => {
  let look: ReturnType<typeof looker>;
  let link: RedisLink;
  let shared: SharedLevel<Thing>;
  let nameOf: (key: string) => string;

  beforeEach(async () => {
    const prefix = freshPrefix();
    nameOf = (key) => `${prefix}cache:thing:${key}`;
    look = looker(prefix);
    link = new RedisLink({ url: redisUrl, keyPrefix: prefix, logger: { info() {}, warn() {} } });
    await link.untilUp(5_000);
    const toJson = (value: Thing) => value;
    shared = new SharedLevel(link, { name: "thing", ttlMs: 60_000, toJson, fromJson: (json) => json as Thing });
  });
  afterEach(async () => {
    link.close();
    await look.end();
  });

  const change = (key: string, version: number) => ({ keys: [key], value: { version } });

  test("it is not read before it is up to date, nor after it was lost", async () => {
    await shared.put(["a"], { version: 1 });
    expect(await shared.get("a")).toBeNull();
    expect(await shared.bringUpToDate([])).toBe(true);
    expect(await shared.get("a")).toEqual({ version: 1 });
    shared.lost();
    expect(await shared.get("a")).toBeNull();
  });

  test("it is not read where it was lost while changes were written to it", async () => {
    const writing = shared.bringUpToDate([change("a", 1)]);
    shared.lost();
    expect(await writing).toBe(false);
    expect(await shared.get("a")).toBeNull();
  });

  test("a change is written once, and again where it may have been lost", async () => {
    await shared.bringUpToDate([change("a", 1)]);
    await look.redis.del(nameOf("a"));
    await shared.bringUpToDate([change("a", 1)]);
    expect(await look.redis.get(nameOf("a"))).toBeNull();
    shared.lost();
    await shared.bringUpToDate([change("a", 1)]);
    expect(await look.redis.get(nameOf("a"))).toMatch(/^1:/);
  });

  test("it is not read where it refuses a change", async () => {
    // A list is not a value that the script knows, so the script fails.
    await look.redis.lpush(nameOf("a"), "x");
    await shared.put(["b"], { version: 1 });
    expect(await shared.bringUpToDate([change("a", 1)])).toBe(false);
    expect(await shared.get("b")).toBeNull();
  });

  test("an older value replaces no newer one", async () => {
    await shared.put(["a"], { version: 2 });
    await shared.put(["a"], { version: 1 });
    expect(await look.redis.get(nameOf("a"))).toMatch(/^2:/);
  });
});
