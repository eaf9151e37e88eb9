/** The promise: an expensive value is made at most once in a while, and no caller gets a value that is too old. */
import { Paced } from "../../../services/monitor/monitor.paced.ts";

const EVERY_MS = 100;

test("many who ask get few, each made after the question", async () => {
  const madeAt: number[] = [];
  const paced = new Paced(EVERY_MS, async () => madeAt.push(performance.now()));
  const began = performance.now();
  await Promise.all(
    Array.from({ length: 1_000 }, async (_, i) => {
      if (i % 2) await new Promise((resolve) => setTimeout(resolve, (i % 10) * 20));
      const askedAt = performance.now();
      const nth = await paced.get();
      expect(madeAt[nth - 1]).toBeGreaterThanOrEqual(askedAt);
    }),
  );
  const passed = performance.now() - began;
  expect(madeAt.length).toBeLessThanOrEqual(1 + passed / EVERY_MS);
  for (const [i, at] of madeAt.entries())
    if (i > 0) expect(at - (madeAt[i - 1] as number)).toBeGreaterThan(EVERY_MS - 5);
});

test("one that failed is tried again", async () => {
  let times = 0;
  const paced = new Paced(1, async () => {
    if (++times === 1) throw new Error("not yet");
    return times;
  });
  await expect(paced.get()).rejects.toThrow("not yet");
  expect(await paced.get()).toBe(2);
});
