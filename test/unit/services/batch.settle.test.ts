import { backoffMs } from "../../../services/batch/batch.settle.ts";

describe("the wait before the next attempt", () => {
  const exponential = { type: "exponential", delayMs: 1_000, maxMs: 60_000 } as const;
  const fixed = { type: "fixed", delayMs: 1_000, maxMs: 60_000 } as const;

  test.each([
    [exponential, 1, 1_000],
    [exponential, 2, 2_000],
    [exponential, 3, 4_000],
    [exponential, 6, 32_000],
    [exponential, 7, 60_000],
    [exponential, 2_000, 60_000],
    [fixed, 1, 1_000],
    [fixed, 9, 1_000],
    [{ ...fixed, maxMs: 500 }, 1, 500],
    [{ ...fixed, delayMs: 0 }, 1, 0],
  ])("%j, attempt %d: %d ms", (backoff, attempt, ms) => {
    expect(backoffMs(backoff, attempt, 0.5)).toBe(ms);
  });

  test("has a jitter of ±20 %", () => {
    expect([0, 1].map((random) => backoffMs(exponential, 1, random))).toEqual([800, 1_200]);
    const waits = Array.from({ length: 200 }, () => backoffMs(exponential, 1));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(800);
    expect(Math.max(...waits)).toBeLessThanOrEqual(1_200);
    expect(new Set(waits).size).toBeGreaterThan(20);
  });
});
