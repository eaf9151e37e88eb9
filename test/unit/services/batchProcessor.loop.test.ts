import { WorkLoop } from "../../../services/batchProcessor/batchProcessor.loop.ts";
import { until } from "../../helpers/patience.ts";
import { deferred } from "../contracts/kit.ts";

describe("the loop", () => {
  /** A work loop whose batches end when the test says so. */
  function loopOf(slots: number, waiting: string[], busy: string[] = []) {
    const log = { failed: [] as unknown[], asked: [] as number[], runs: new Map<string, () => void>(), most: 0 };
    let asking = 0;
    const loop = new WorkLoop<string>({
      hasRoom: () => {},
      passOn: () => {},
      slots,
      async look(limit) {
        log.asked.push(limit);
        log.most = Math.max(log.most, ++asking);
        await new Promise(setImmediate);
        asking--;
        const found = waiting.filter((name) => !log.runs.has(name)).slice(0, limit);
        return { found, isAll: found.length < limit };
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

  test("an idle loop claims the batch that a token names, without a look", async () => {
    const { loop, log } = loopOf(3, ["a", "b"]);
    await loop.wake("b");
    expect([[...log.runs.keys()], log.asked]).toEqual([["b"], []]);
  });

  test("a batch from its token to its end costs one look, for batches that came meanwhile", async () => {
    const { loop, log, finish } = loopOf(3, ["a"]);
    await loop.wake("a");
    finish("a");
    await until(() => loop.free === 3);
    await loop.end();
    expect(log.asked).toEqual([3]);
  });

  test("a busy loop looks for candidates instead, because others may have waited longer", async () => {
    const { loop, log } = loopOf(3, ["a"]);
    await loop.wake();
    await loop.wake("b");
    expect([[...log.runs.keys()], log.asked]).toEqual([["a"], [3, 2]]);
  });

  test("a batch that a token names during a look waits for its turn", async () => {
    const { loop, log, finish } = loopOf(1, ["a", "c", "b"]);
    const first = loop.wake();
    await Promise.all([first, loop.wake("b")]);
    expect([...log.runs.keys()]).toEqual(["a"]);
    finish("a");
    await until(() => log.runs.size === 2);
    expect([...log.runs.keys()]).toEqual(["a", "c"]);
  });

  test("a token during a pause is not kept for later", async () => {
    const { loop, log } = loopOf(1, ["a", "b"]);
    loop.pause();
    await loop.wake("b");
    loop.resume();
    await until(() => log.runs.size === 1);
    expect([...log.runs.keys()]).toEqual(["a"]);
  });

  test("a batch of a token that another worker has is left", async () => {
    const { loop, log } = loopOf(3, ["a", "b"], ["a"]);
    await loop.wake("a");
    expect([...log.runs.keys()]).toEqual(["b"]);
  });

  test("a look that finds fewer batches than free slots has found all", async () => {
    const { loop, log } = loopOf(5, ["a"]);
    await loop.wake();
    expect([[...log.runs.keys()], log.asked]).toEqual([["a"], [5]]);
  });

  test("a look that fills the slots, with batches that others have, is followed by another", async () => {
    const { loop, log } = loopOf(2, ["a", "b", "c"], ["a"]);
    await loop.wake();
    expect([[...log.runs.keys()], log.asked]).toEqual([["b"], [2, 1]]);
  });

  test("a batch that others have is left, without looking for ever", async () => {
    const { loop, log } = loopOf(3, ["a", "b"], ["a"]);
    await loop.wake();
    expect([...log.runs.keys()]).toEqual(["b"]);
    expect(log.asked).toEqual([3]);
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

  test("a failed look is reported, and the next wake-up tries again", async () => {
    const failed: unknown[] = [];
    let calls = 0;
    const loop = new WorkLoop<string>({
      hasRoom: () => {},
      passOn: () => {},
      slots: 1,
      look: async () => {
        if (++calls === 1) throw new Error("away");
        return { found: [], isAll: true };
      },
      start: async () => null,
      failed: (error) => failed.push(error),
    });
    await loop.wake();
    expect(failed).toEqual([expect.objectContaining({ message: "away" })]);
    await loop.wake();
    expect(calls).toBe(2);
  });

  test("claims for all free slots run at once; a failed one does not affect others", async () => {
    const claims = new Map<string, PromiseWithResolvers<{ end: Promise<void> }>>();
    const failed: unknown[] = [];
    const loop = new WorkLoop<string>({
      hasRoom: () => {},
      passOn: () => {},
      slots: 3,
      look: async (limit) => {
        const found = ["a", "b", "c"].filter((name) => !claims.has(name)).slice(0, limit);
        return { found, isAll: found.length < limit };
      },
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

  describe("a run that ends", () => {
    /** How often other workers were woken by the time the loop has looked for work. */
    async function toldOthers(waiting: string[], meanwhile: (loop: WorkLoop<string>) => unknown = () => {}) {
      const [passOn, hasRoom] = [jest.fn(), jest.fn()];
      const run = deferred();
      const loop = new WorkLoop<string>({
        hasRoom,
        passOn,
        slots: 1,
        look: async () => ({ found: waiting, isAll: waiting.length === 0 }),
        start: async (name) => ({ end: name === "a" ? run.promise : new Promise(() => {}) }),
        failed: () => {},
      });
      await loop.wake("a");
      await meanwhile(loop);
      run.resolve();
      return { passOn, hasRoom };
    }

    test("wakes no other worker if this one has found all candidates", async () => {
      const { passOn, hasRoom } = await toldOthers([]);
      await until(() => hasRoom.mock.calls.length > 0);
      await new Promise(setImmediate);
      expect(passOn).not.toHaveBeenCalled();
    });

    test.each<[string, string[], (loop: WorkLoop<string>) => unknown]>([
      ["has no free slot again", ["b"], () => {}],
      ["is paused", [], (loop) => loop.pause()],
      ["stops", [], (loop) => void loop.end()],
    ])("wakes other workers if this one %s", async (_which, waiting, meanwhile) => {
      const { passOn } = await toldOthers(waiting, meanwhile);
      await until(() => passOn.mock.calls.length > 0);
    });
  });

  test("the end waits for running batches and claims no more", async () => {
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

  test("the end also waits for a batch that is just being claimed", async () => {
    const claim = deferred<{ end: Promise<void> }>();
    const run = deferred();
    let isClaiming = false;
    const loop = new WorkLoop<string>({
      hasRoom: () => {},
      passOn: () => {},
      slots: 1,
      look: async () => ({ found: ["a"], isAll: false }),
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
