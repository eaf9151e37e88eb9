import { backoffMs } from "../../../services/batchProcessor/batchProcessor.backoff.ts";
import { LeaseKeeper } from "../../../services/batchProcessor/batchProcessor.leases.ts";
import { WorkLoop } from "../../../services/batchProcessor/batchProcessor.loop.ts";
import { deferred, until } from "../contracts/kit.ts";

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

  test("is spread a fifth each way", () => {
    expect([0, 1].map((random) => backoffMs(exponential, 1, random))).toEqual([800, 1_200]);
    const waits = Array.from({ length: 200 }, () => backoffMs(exponential, 1));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(800);
    expect(Math.max(...waits)).toBeLessThanOrEqual(1_200);
    expect(new Set(waits).size).toBeGreaterThan(20);
  });
});

describe("leases", () => {
  const LEASE = 30_000;
  let lost: string[];
  let answers: (() => Promise<{ id: number; fence: number }[]>)[];
  let keeper: LeaseKeeper;
  const held = (id: number, fence = 1) => ({ id, fence, lose: (why: string) => void lost.push(`${id}: ${why}`) });
  const away = () => Promise.reject(new Error("away"));

  beforeEach(() => {
    jest.useFakeTimers();
    [lost, answers] = [[], []];
    keeper = new LeaseKeeper(LEASE, () => (answers.shift() ?? away)());
  });
  afterEach(() => jest.useRealTimers());

  test("nothing is asked while nothing is held", async () => {
    answers.push(async () => []);
    await keeper.renew();
    keeper.hold(held(1));
    keeper.drop(1);
    await keeper.renew();
    expect(answers).toHaveLength(1);
  });

  test("a batch that the answer does not name, or names with another fence, is lost", async () => {
    for (const id of [1, 2, 3]) keeper.hold(held(id));
    answers.push(async () => [
      { id: 1, fence: 1 },
      { id: 2, fence: 2 },
      { id: 9, fence: 1 },
    ]);
    await keeper.renew();
    expect(lost).toEqual(["2: its fence was raised", "3: its fence was raised"]);
  });

  test("without an answer for a whole lease all are lost, and not before", async () => {
    keeper.hold(held(1));
    jest.advanceTimersByTime(LEASE);
    await keeper.renew();
    expect(lost).toEqual([]);
    jest.advanceTimersByTime(1);
    await keeper.renew();
    expect(lost).toEqual(["1: its lease could not be renewed"]);
  });

  test("an answer that hangs is none", async () => {
    keeper.hold(held(1));
    answers.push(() => new Promise(() => {}));
    jest.advanceTimersByTime(LEASE);
    const renewing = keeper.renew();
    jest.advanceTimersByTime(LEASE / 3 + 1);
    await renewing;
    expect(lost).toEqual(["1: its lease could not be renewed"]);
  });

  test("an answer and a chunk's commit each begin the lease anew", async () => {
    keeper.hold(held(1));
    keeper.hold(held(2));
    jest.advanceTimersByTime(20_000);
    answers.push(async () => [
      { id: 1, fence: 1 },
      { id: 2, fence: 1 },
    ]);
    await keeper.renew();
    jest.advanceTimersByTime(20_000);
    keeper.renewed(2);
    keeper.renewed(7);
    jest.advanceTimersByTime(20_000);
    await keeper.renew();
    expect(lost).toEqual(["1: its lease could not be renewed"]);
  });

  test("a lease counts from when it was asked for, not from the answer", async () => {
    keeper.hold(held(1));
    const answer = deferred<{ id: number; fence: number }[]>();
    answers.push(() => answer.promise);
    const renewing = keeper.renew();
    jest.advanceTimersByTime(20_000);
    answer.resolve([{ id: 1, fence: 1 }]);
    await renewing;
    jest.advanceTimersByTime(10_001);
    await keeper.renew();
    expect(lost).toEqual(["1: its lease could not be renewed"]);
  });

  test("what was claimed, or claimed again, while the call ran is not judged by its answer", async () => {
    keeper.hold(held(1));
    const answer = deferred<{ id: number; fence: number }[]>();
    answers.push(() => answer.promise);
    const renewing = keeper.renew();
    keeper.hold(held(2));
    keeper.drop(1);
    keeper.hold(held(1, 3));
    answer.resolve([]);
    await renewing;
    expect(lost).toEqual([]);
  });
});

describe("the loop", () => {
  /** Work that ends when the test says so. */
  function loopOf(slots: number, waiting: string[], busy: string[] = []) {
    const log = { failed: [] as unknown[], asked: [] as number[], runs: new Map<string, () => void>(), most: 0 };
    let asking = 0;
    const loop = new WorkLoop<string>({
      hasRoom: () => {},
      slots,
      async candidates(limit) {
        log.asked.push(limit);
        log.most = Math.max(log.most, ++asking);
        await new Promise(setImmediate);
        asking--;
        return waiting.filter((name) => !log.runs.has(name)).slice(0, limit);
      },
      async start(name) {
        if (busy.includes(name)) return null;
        const { promise, resolve } = deferred();
        log.runs.set(name, resolve);
        const end = promise.then(() => {
          waiting.splice(waiting.indexOf(name), 1);
        });
        return { end };
      },
      failed: (error) => log.failed.push(error),
    });
    const finish = (name: string) => log.runs.get(name)?.();
    return { loop, log, finish };
  }

  test("fills its slots and no more; a slot that frees takes the next", async () => {
    const { loop, log, finish } = loopOf(2, ["a", "b", "c"]);
    await loop.wake();
    expect([[...log.runs.keys()], loop.free]).toEqual([["a", "b"], 0]);
    await loop.wake();
    expect(log.asked).toEqual([2]);
    finish("a");
    await until(() => log.runs.has("c"));
    for (const name of ["b", "c"]) finish(name);
    await until(() => loop.free === 2);
    await loop.end();
  });

  test("goes on until nothing is claimable", async () => {
    const { loop, log } = loopOf(5, ["a"]);
    await loop.wake();
    expect(log.asked).toEqual([5, 4]);
  });

  test("one that others have is left, without asking for ever", async () => {
    const { loop, log } = loopOf(3, ["a", "b"], ["a"]);
    await loop.wake();
    expect([...log.runs.keys()]).toEqual(["b"]);
    expect(log.asked).toEqual([3, 2]);
  });

  test("however often it is woken, it runs once at a time, and once more for what came meanwhile", async () => {
    const waiting: string[] = [];
    const { loop, log } = loopOf(3, waiting);
    const first = loop.wake();
    waiting.push("late");
    await Promise.all([first, ...Array.from({ length: 20 }, () => loop.wake())]);
    expect([[...log.runs.keys()], log.most]).toEqual([["late"], 1]);
    expect(log.asked.length).toBeLessThanOrEqual(4);
  });

  test("a failure is told, and the next wake tries again", async () => {
    const failed: unknown[] = [];
    let calls = 0;
    const loop = new WorkLoop<string>({
      hasRoom: () => {},
      slots: 1,
      candidates: async () => {
        if (++calls === 1) throw new Error("away");
        return [];
      },
      start: async () => null,
      failed: (error) => failed.push(error),
    });
    await loop.wake();
    expect(failed).toEqual([expect.objectContaining({ message: "away" })]);
    await loop.wake();
    expect(calls).toBe(2);
  });

  test("claims for all free slots at once; one that fails spoils no other", async () => {
    const claims = new Map<string, PromiseWithResolvers<{ end: Promise<void> }>>();
    const failed: unknown[] = [];
    const loop = new WorkLoop<string>({
      hasRoom: () => {},
      slots: 3,
      candidates: async (limit) => ["a", "b", "c"].filter((name) => !claims.has(name)).slice(0, limit),
      start(name) {
        claims.set(name, deferred());
        return (claims.get(name) as PromiseWithResolvers<{ end: Promise<void> }>).promise;
      },
      failed: (error) => failed.push(error),
    });
    const waking = loop.wake();
    await until(() => claims.size === 3);
    const run = deferred();
    claims.get("b")?.reject(new Error("away"));
    for (const name of ["a", "c"]) claims.get(name)?.resolve({ end: run.promise });
    await waking;
    expect([loop.free, failed]).toEqual([1, [expect.objectContaining({ message: "away" })]]);
    run.resolve();
    await loop.end();
  });

  test("the end waits for what runs and claims nothing more", async () => {
    const { loop, log, finish } = loopOf(1, ["a", "b"]);
    await loop.wake();
    let isOver = false;
    const ending = loop.end().then(() => {
      isOver = true;
    });
    await new Promise(setImmediate);
    expect(isOver).toBe(false);
    finish("a");
    await ending;
    await loop.wake();
    expect([...log.runs.keys()]).toEqual(["a"]);
  });

  test("the end waits for a run too that was just being claimed", async () => {
    const claim = deferred<{ end: Promise<void> }>();
    const run = deferred();
    let isClaiming = false;
    const loop = new WorkLoop<string>({
      hasRoom: () => {},
      slots: 1,
      candidates: async () => ["a"],
      start: () => {
        isClaiming = true;
        return claim.promise;
      },
      failed: () => {},
    });
    const waking = loop.wake();
    await until(() => isClaiming);
    let isOver = false;
    const ending = loop.end().then(() => {
      isOver = true;
    });
    claim.resolve({ end: run.promise });
    await waking;
    await new Promise(setImmediate);
    expect(isOver).toBe(false);
    run.resolve();
    await ending;
  });
});
