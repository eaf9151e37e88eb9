import { call } from "../../../services/messages.ts";
import { advance, consumption, spend, type Window } from "../../../services/rateLimiter/rateLimiter.window.ts";
import { seeded } from "../../helpers/seeded.ts";
import type { System } from "../../helpers/system.ts";
import { startNode, wrongParams } from "../contracts/kit.ts";

/** A counter with a clock that the test sets. */
function counter(limit: number, windowMs: number) {
  let window: Window | undefined;
  return (nowMs: number) => {
    window = advance(window, windowMs, nowMs);
    return consumption(spend(window, limit, windowMs, nowMs), limit, windowMs);
  };
}

describe("the window", () => {
  test("the first one takes exactly the limit, and says what is left", () => {
    const ask = counter(3, 60_000);
    expect([0, 1_000, 59_999].map((at) => ask(at).remaining)).toEqual([2, 1, 0]);
    expect(ask(59_999)).toMatchObject({ allowed: false, remaining: 0, limit: 3, windowSeconds: 60 });
  });

  test("it begins with the first request, and its end is told in whole seconds", () => {
    const ask = counter(9, 60_000);
    expect([500_000, 500_001, 530_000, 559_500].map((at) => ask(at).resetSeconds)).toEqual([60, 60, 30, 1]);
    expect(ask(560_000).resetSeconds).toBe(60);
  });

  test("afterwards what came before counts by how much of it the last window's length still covers", () => {
    const ask = counter(10, 10_000);
    for (let i = 0; i < 10; i++) ask(0);
    // A fifth of the ten requests has left the sliding window, so two more are allowed.
    expect([1, 2, 3].map(() => ask(12_000).allowed)).toEqual([true, true, false]);
    // Half of the ten and the two count, so three more are allowed.
    expect([1, 2, 3, 4].map(() => ask(15_000).allowed)).toEqual([true, true, true, false]);
  });

  test("after a whole window of silence nothing is left of it", () => {
    const ask = counter(2, 1_000);
    ask(0);
    ask(0);
    expect([2_000, 2_000, 2_000].map((at) => ask(at).allowed)).toEqual([true, true, false]);
  });

  test("a refusal spends nothing", () => {
    const ask = counter(2, 1_000);
    for (let i = 0; i < 50; i++) ask(0);
    expect(ask(1_500).allowed).toBe(true);
  });

  test("after Retry-After the same request passes, and a second before it does not", () => {
    const random = seeded(7);
    const wrong: object[] = [];
    for (let round = 0; round < 3_000; round++) {
      const [limit, windowMs] = [1 + Math.floor(random() * 40), 1_000 * (1 + Math.floor(random() * 90))];
      const ask = counter(limit, windowMs);
      // Half of the rounds use whole milliseconds, so that they meet the edges of windows exactly.
      let nowMs = random() * 1e9;
      if (round % 2) nowMs = Math.floor(nowMs);
      let spent = ask(nowMs);
      while (spent.allowed) {
        const step = (random() * 2.2 * windowMs) / limit;
        nowMs += round % 2 ? Math.floor(step) : step;
        spent = ask(nowMs);
      }
      const waitMs = spent.retryAfterSeconds * 1_000;
      const early = waitMs > 1_000 && ask(nowMs + waitMs - 1_001).allowed;
      const { allowed } = ask(nowMs + waitMs);
      if (waitMs <= 0 || early || !allowed) wrong.push({ round, limit, windowMs, waitMs, early, allowed });
    }
    expect(wrong).toEqual([]);
  });

  test("no window length ever sees more than the limit at an even rhythm", () => {
    const ask = counter(10, 10_000);
    const passed = Array.from({ length: 600 }, (_, i) => i * 100).filter((at) => ask(at).allowed);
    for (let from = 0; from < 60_000; from += 500) {
      const within = passed.filter((at) => at >= from && at < from + 10_000).length;
      expect(within).toBeLessThanOrEqual(from === 0 ? 10 : 11);
    }
  });
});

describe("the service", () => {
  let system: System;
  beforeEach(async () => {
    system = await startNode({ services: ["rateLimiter"] });
  });
  afterEach(() => system.stop());
  const consume = (clientId: string, limit = 2, windowSeconds = 86_400) =>
    call(system.broker, "rateLimiter.consume", { clientId, limit, windowSeconds });

  test("counts each client, and each length of window, apart", async () => {
    await consume("a");
    await consume("a");
    expect(await consume("a")).toMatchObject({ allowed: false, remaining: 0, windowSeconds: 86_400 });
    expect(await consume("b")).toMatchObject({ allowed: true, remaining: 1 });
    expect(await consume("a", 2, 3_600)).toMatchObject({ allowed: true, remaining: 1 });
  });

  test("a limit that was raised holds at once, on the same count", async () => {
    await consume("a");
    await consume("a");
    expect(await consume("a", 5)).toMatchObject({ allowed: true, limit: 5, remaining: 2 });
  });

  test("many at the same time get exactly the limit", async () => {
    const all = await Promise.all(Array.from({ length: 100 }, () => consume("a", 40)));
    expect(all.filter(({ allowed }) => allowed)).toHaveLength(40);
  });

  test("goes by the monotonic clock", async () => {
    const clock = jest.spyOn(performance, "now").mockReturnValue(1_000);
    const wall = jest.spyOn(Date, "now").mockReturnValue(9e12);
    try {
      await consume("a", 1, 10);
      wall.mockReturnValue(0);
      const { retryAfterSeconds } = await consume("a", 1, 10);
      clock.mockReturnValue(1_000 + retryAfterSeconds * 1_000);
      expect(await consume("a", 1, 10)).toMatchObject({ allowed: true });
    } finally {
      clock.mockRestore();
      wall.mockRestore();
    }
  });

  test.each([
    [{ clientId: "a", limit: 0, windowSeconds: 1 }, "limit"],
    [{ clientId: "a", limit: 1.5, windowSeconds: 1 }, "limit"],
    [{ clientId: "a", limit: 1, windowSeconds: -1 }, "windowSeconds"],
    [{ clientId: 7, limit: 1, windowSeconds: 1 }, "clientId"],
  ])("%j is refused", async (params, field) => {
    await expect(system.broker.call("rateLimiter.consume", params)).rejects.toEqual(wrongParams(field));
  });
});
