import { bounded, Recent } from "../../../lib/batching/recent.ts";

afterEach(() => jest.restoreAllMocks());

describe("a bounded cache", () => {
  test("keeps what was used last, and no more than its bound", () => {
    const cache = bounded<string, number>(3);
    for (const [i, key] of ["a", "b", "c", "d"].entries()) {
      cache.get("a");
      cache.set(key, i);
    }
    expect([...cache.keys()].sort()).toEqual(["a", "c", "d"]);
  });

  test("takes no memory while it is empty, whatever its bound", () => {
    const before = process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
    const caches = Array.from({ length: 100 }, () => bounded<string, number>(100_000));
    const after = process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
    expect(caches).toHaveLength(100);
    expect(after - before).toBeLessThan(10_000_000);
  });

  test("forgets an entry after its time", () => {
    const cache = bounded<string, number>(3, { ttl: 1_000, ttlResolution: 0 });
    cache.set("a", 1);
    const now = jest.spyOn(performance, "now").mockReturnValue(performance.now() + 1_001);
    expect(cache.get("a")).toBeUndefined();
    now.mockRestore();
  });
});

describe("a recent answer", () => {
  test("gives one answer to all who ask at once or soon after, and asks again later", async () => {
    const clock = jest.spyOn(performance, "now").mockReturnValue(0);
    let asked = 0;
    const recent = new Recent(
      async () => ++asked,
      (answer) => answer * 100,
    );
    expect(await Promise.all([recent.get(), recent.get(), recent.get()])).toEqual([1, 1, 1]);
    clock.mockReturnValue(99);
    expect(await recent.get()).toBe(1);
    clock.mockReturnValue(100);
    expect(await recent.get()).toBe(2);
    clock.mockReturnValue(299);
    expect(await recent.get()).toBe(2);
  });

  test("gives a failure to all who wait, and does not keep it", async () => {
    const answers = [Promise.reject(new Error("away")), Promise.resolve("here")];
    const recent = new Recent(
      () => answers.shift() as Promise<string>,
      () => 1_000,
    );
    const both = await Promise.allSettled([recent.get(), recent.get()]);
    expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await recent.get()).toBe("here");
  });
});
