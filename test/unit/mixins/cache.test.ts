import type { ServiceBroker } from "moleculer";
import { type CacheOptions, cacheMixin, type WithCache } from "../../../mixins/cache.ts";
import { define } from "../../../mixins/define.ts";
import { deferred, startBroker } from "../contracts/kit.ts";

interface Thing {
  version: number;
}

const options: CacheOptions<Thing> = {
  name: "thing",
  localTtlMs: () => 5_000,
  redisTtlMs: () => 60_000,
  absentTtlMs: 1_000,
  maxEntries: 3,
  invalidatedBy: {
    "thing.changed": ({ id, version }: { id: number; version: number }) => ({
      keys: [`id:${id}`, `other:${id}`],
      version,
    }),
  },
  changes: async () => changes,
  missed: (_service, value) => missed.push(value),
};
let changes: { keys: string[]; value: Thing }[];
let missed: Thing[];

let broker: ServiceBroker;
let stop: () => Promise<void>;
let cache: WithCache<Thing>;

beforeEach(async () => {
  changes = [];
  missed = [];
  ({ broker, stop } = await startBroker(define({ name: "things", mixins: [cacheMixin(options)] })));
  cache = broker.getLocalService("things") as unknown as WithCache<Thing>;
});
afterEach(() => stop());

const changed = (id: number) => broker.broadcast("thing.changed", { id, version: 2 });
const value = (version: number) => async () => ({ version });

test("a value is loaded once, then cached; hits, misses and size are counted", async () => {
  const load = jest.fn(value(1));
  expect([await cache.cached("id:1", load), await cache.cached("id:1", load)]).toEqual([
    { version: 1 },
    { version: 1 },
  ]);
  await cache.cached("id:2", load);
  expect(load).toHaveBeenCalledTimes(2);
  expect(cache.cacheFigures()).toEqual({ local: { hits: 1, misses: 2, size: 2 }, redis: null });
});

test("emptying Redis answers null without Redis", async () => {
  expect(await cache.emptyRedis()).toBeNull();
});

test("callers at the same time share one load", async () => {
  const { promise, resolve } = deferred<Thing>();
  const load = jest.fn(() => promise);
  const all = Promise.all(Array.from({ length: 50 }, () => cache.cached("id:1", load)));
  resolve({ version: 1 });
  expect(new Set(await all).size).toBe(1);
  expect(load).toHaveBeenCalledTimes(1);
  expect(cache.cacheFigures()).toMatchObject({ local: { misses: 50, size: 1 } });
});

test("a failed load fails for all its callers, and is not cached", async () => {
  const { promise, reject } = deferred<never>();
  const both = Promise.allSettled([cache.cached("id:1", () => promise), cache.cached("id:1", () => promise)]);
  reject(new Error("down"));
  expect((await both).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await cache.cached("id:1", value(2))).toEqual({ version: 2 });
});

test("an event invalidates the keys that it names, and no others", async () => {
  for (const key of ["id:1", "other:1", "id:2"]) await cache.cached(key, value(1));
  await changed(1);
  for (const key of ["id:1", "other:1", "id:2"]) await cache.cached(key, value(2));
  expect(await cache.cached("id:1", value(3))).toEqual({ version: 2 });
  expect(await cache.cached("other:1", value(3))).toEqual({ version: 2 });
  expect(await cache.cached("id:2", value(3))).toEqual({ version: 1 });
});

test("the safety read finds a change whose event was lost, once", async () => {
  changes = [1, 2].map((id) => ({ keys: [`id:${id}`], value: { version: 2 } }));
  await changed(1);
  await cache.readChanges();
  await cache.readChanges();
  expect(missed).toEqual([changes[1]?.value]);
  changes = [{ keys: ["id:2"], value: { version: 3 } }];
  await cache.renewed(["id:2"], { version: 3 });
  await cache.readChanges();
  expect(missed).toHaveLength(1);
});

test("a load that began before a change is not cached, and does not replace one that began after it", async () => {
  const before = deferred<Thing>();
  const after = deferred<Thing>();
  const old = cache.cached("id:1", () => before.promise);
  await changed(1);
  const fresh = cache.cached("id:1", () => after.promise);
  before.resolve({ version: 1 });
  expect(await old).toEqual({ version: 1 });
  // The end of the first load leaves the second one shared.
  const shared = cache.cached("id:1", value(3));
  after.resolve({ version: 2 });
  expect(await Promise.all([fresh, shared])).toEqual([{ version: 2 }, { version: 2 }]);
  expect(await cache.cached("id:1", value(4))).toEqual({ version: 2 });
});

test("a load that began before a change is not cached either if nobody asked since", async () => {
  const before = deferred<Thing>();
  const old = cache.cached("id:1", () => before.promise);
  await changed(1);
  before.resolve({ version: 1 });
  await old;
  expect(cache.cacheFigures().local.size).toBe(0);
});

test("who asks after a flush gets no load that began before it", async () => {
  const before = deferred<Thing>();
  const old = cache.cached("id:1", () => before.promise);
  cache.flushCache();
  const fresh = cache.cached("id:1", value(2));
  before.resolve({ version: 1 });
  expect(await Promise.all([old, fresh])).toEqual([{ version: 1 }, { version: 2 }]);
});

describe("over time", () => {
  let now = 0;
  function pass(ms: number) {
    now += ms;
    jest.advanceTimersByTime(ms);
  }
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ["performance"] });
    jest.spyOn(performance, "now").mockImplementation(() => now);
    now = 1_000;
  });
  afterEach(() => {
    jest.useRealTimers();
    jest.restoreAllMocks();
  });

  test("a value lives for its time, and `there is none` for a shorter one", async () => {
    const some = jest.fn(value(1));
    const none = jest.fn(async () => null);
    const loads = async () => {
      expect(await cache.cached("some", some)).toEqual({ version: 1 });
      expect(await cache.cached("none", none)).toBeNull();
      return [some.mock.calls.length, none.mock.calls.length];
    };
    expect(await loads()).toEqual([1, 1]);
    pass(900);
    expect(await loads()).toEqual([1, 1]);
    expect(cache.cacheFigures()).toMatchObject({ local: { hits: 2, misses: 2 } });
    pass(200);
    expect(await loads()).toEqual([1, 2]);
    pass(3_800);
    expect((await loads())[0]).toBe(1);
    pass(200);
    expect((await loads())[0]).toBe(2);
  });
});

test("the cache is bounded: the least recently used entry is dropped", async () => {
  for (const key of ["a", "b", "c"]) await cache.cached(key, value(1));
  await cache.cached("a", value(2));
  await cache.cached("d", value(1));
  expect(await cache.cached("a", value(2))).toEqual({ version: 1 });
  expect(await cache.cached("b", value(2))).toEqual({ version: 2 });
  expect(cache.cacheFigures().local.size).toBe(3);
});
