import { bounded } from "../../../lib/batching/bounded.ts";

test("what was used last is kept, and no more than the bound", () => {
  const cache = bounded<string, number>(3);
  for (const [i, key] of ["a", "b", "c", "d"].entries()) {
    cache.get("a");
    cache.set(key, i);
  }
  expect([...cache.keys()].sort()).toEqual(["a", "c", "d"]);
});

test("one that is empty takes no memory, whatever its bound", () => {
  const before = process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
  const caches = Array.from({ length: 100 }, () => bounded<string, number>(100_000));
  const after = process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
  expect(caches).toHaveLength(100);
  expect(after - before).toBeLessThan(10_000_000);
});

test("an entry is over after its time", () => {
  const cache = bounded<string, number>(3, { ttl: 1_000, ttlResolution: 0 });
  cache.set("a", 1);
  const now = jest.spyOn(performance, "now").mockReturnValue(performance.now() + 1_001);
  expect(cache.get("a")).toBeUndefined();
  now.mockRestore();
});
