/** The promise: a finished run leaves nothing behind, neither a check that was begun early nor a lock. */
import type { Service, ServiceBroker } from "moleculer";
import type { RecordValidator } from "../../../formats/formats.ts";
import type { MemoryLocks } from "../../../services/batchLock/batchLock.provider.ts";
import { Executor } from "../../../services/batchProcessor/batchProcessor.executor.ts";
import { KeptLock } from "../../../services/batchProcessor/batchProcessor.lock.ts";
import type { Run } from "../../../services/batchProcessor/batchProcessor.run.ts";
import { Validators } from "../../../services/batchProcessor/batchProcessor.validators.ts";
import { useOwnTimers } from "../../helpers/own-timers.ts";
import { until } from "../../helpers/patience.ts";
import { get, post, startWorker, status, storeOf, system } from "./batchProcessor.kit.ts";

describe("a run", () => {
  startWorker();

  /** A slow check. It pauses at each record, and there it learns that it is no longer needed. */
  const slow = (check: () => void): RecordValidator => ({
    check() {
      const began = performance.now();
      while (performance.now() - began < 10);
      check();
      return null;
    },
    schema: {},
    cellKinds: (names) => names.map(() => null),
    typesOf: () => new Set(),
    filled: false,
    growth: 0,
    work: 1 << 20,
  });
  const inside = <T>(name: string) => system.broker.getLocalService(name) as Service & T;
  const executor = () => inside<{ executor: Executor }>("batchProcessor").executor;
  const runs = () => (executor() as unknown as { runs: Map<string, Run> }).runs;

  test("that ends stops the check that was begun ahead", async () => {
    const store = storeOf();
    const { readChunk } = store;
    const isOver = Promise.withResolvers<void>();
    const isAhead = Promise.withResolvers<Pick<Run, "ahead">>();
    const ahead = () => [...runs().values()][0]?.ahead ?? null;
    let checked = 0;
    jest.spyOn(store, "readChunk").mockImplementationOnce(async (id, no) => {
      await isOver.promise;
      const chunk = await readChunk(id, no);
      jest.spyOn(Validators.prototype, "of").mockReturnValueOnce(slow(() => checked++));
      return chunk;
    });
    // The batch is taken away from the run during the commit of the first chunk.
    jest.spyOn(store, "commitChunk").mockImplementationOnce(async () => {
      const first = ahead();
      await until(() => ahead() !== first);
      isAhead.resolve({ ahead: ahead() });
      return null;
    });
    const batch = await post({ chunkRecords: 5 }, "{}\n".repeat(10));
    const begun = await isAhead.promise;
    await until(async () => !(await status()).running.includes(batch.publicId));
    isOver.resolve();
    await expect(begun.ahead).rejects.toBe("the run is over");
    expect(checked).toBe(1);
    await until(async () => (await get(batch)).state === "completed");
  });

  test("has ended only once its lock is released", async () => {
    const isFree = Promise.withResolvers<void>();
    const order: string[] = [];
    const { start } = Executor.prototype;
    jest.spyOn(executor(), "start").mockImplementation(async (unit) => {
      const started = await start.call(executor(), unit);
      void started?.end.then(() => order.push("ended"));
      return started;
    });
    const released = jest.spyOn(inside<{ locks: MemoryLocks }>("batchLock").locks, "release");
    released.mockImplementation(() => isFree.promise.then(() => void order.push("free")));
    const batch = await post();
    await until(async () => (await status()).running.length === 0 && (await get(batch)).state === "completed");
    isFree.resolve();
    await until(() => order.includes("ended"));
    expect(order[0]).toBe("free");
  });
});

describe("a lock that is released", () => {
  const lock = { batchId: "batch", fence: 1, token: "token" };
  const released = () => called.filter((name) => name === "batchLock.release").length;
  let called: string[];
  let isAway: boolean;
  let answer: PromiseWithResolvers<void>;
  let lost: jest.Mock;
  let kept: KeptLock;
  let timers: () => number;

  beforeEach(() => {
    timers = useOwnTimers();
    [called, isAway] = [[], false];
    answer = Promise.withResolvers<void>();
    lost = jest.fn();
    const broker = {
      async call(name: string) {
        called.push(name);
        if (name === "batchLock.release") await answer.promise;
        if (isAway) throw new Error("away");
        return called.length < 3;
      },
    } as unknown as ServiceBroker;
    kept = new KeptLock(broker, lock, { everyMs: 100, lost });
  });
  afterEach(() => jest.useRealTimers());

  test("is extended until its release, and never after", async () => {
    await jest.advanceTimersByTimeAsync(200);
    expect(called).toEqual(["batchLock.extend", "batchLock.extend"]);
    expect(lost).toHaveBeenCalledTimes(0);
    const free = kept.giveBack();
    await jest.advanceTimersByTimeAsync(1_000);
    answer.resolve();
    await free;
    expect(called).toEqual(["batchLock.extend", "batchLock.extend", "batchLock.release"]);
    expect(timers()).toBe(0);
  });

  test("is released once, and every caller waits for that", async () => {
    let free = 0;
    const both = [kept.giveBack(), kept.giveBack()].map((given) => given.then(() => free++));
    await jest.advanceTimersByTimeAsync(1_000);
    expect([free, released()]).toEqual([0, 1]);
    answer.resolve();
    await Promise.all(both);
    expect([free, released()]).toEqual([2, 1]);
  });

  test("is reported if it was lost before", async () => {
    await jest.advanceTimersByTimeAsync(200);
    expect(lost).toHaveBeenCalledTimes(0);
    await jest.advanceTimersByTimeAsync(100);
    expect(lost).toHaveBeenCalledTimes(1);
    answer.resolve();
    await kept.giveBack();
  });

  test("is told of as lost too where its service does not answer", async () => {
    isAway = true;
    await jest.advanceTimersByTimeAsync(100);
    expect(lost).toHaveBeenCalledTimes(1);
    answer.resolve();
    await kept.giveBack();
  });
});
