import { WorkLoop } from "../../../services/batchProcessor/batchProcessor.loop.ts";
import { until } from "../../helpers/patience.ts";
import { deferred } from "../contracts/kit.ts";

describe("the loop", () => {
  /** Work that ends when the test says so. */
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

  test("when idle it takes what it is told of and asks for nothing", async () => {
    const { loop, log } = loopOf(3, ["a", "b"]);
    await loop.wake("b");
    expect([[...log.runs.keys()], log.asked]).toEqual([["b"], []]);
  });

  test("one batch, from the word of it to its end, is one look: the one for what came meanwhile", async () => {
    const { loop, log, finish } = loopOf(3, ["a"]);
    await loop.wake("a");
    finish("a");
    await until(() => loop.free === 3);
    await loop.end();
    expect(log.asked).toEqual([3]);
  });

  test("when it has work it asks at once, for others may have waited longer", async () => {
    const { loop, log } = loopOf(3, ["a"]);
    await loop.wake();
    await loop.wake("b");
    expect([[...log.runs.keys()], log.asked]).toEqual([["a"], [3, 2]]);
  });

  test("what it is told of while it looks waits for its turn with the others", async () => {
    const { loop, log, finish } = loopOf(1, ["a", "c", "b"]);
    const first = loop.wake();
    await Promise.all([first, loop.wake("b")]);
    expect([...log.runs.keys()]).toEqual(["a"]);
    finish("a");
    await until(() => log.runs.size === 2);
    expect([...log.runs.keys()]).toEqual(["a", "c"]);
  });

  test("what it is told of while it is paused is not kept for later", async () => {
    const { loop, log } = loopOf(1, ["a", "b"]);
    loop.pause();
    await loop.wake("b");
    loop.resume();
    await until(() => log.runs.size === 1);
    expect([...log.runs.keys()]).toEqual(["a"]);
  });

  test("what it is told of and others have is left", async () => {
    const { loop, log } = loopOf(3, ["a", "b"], ["a"]);
    await loop.wake("a");
    expect([...log.runs.keys()]).toEqual(["b"]);
  });

  test("a look that finds fewer than there are slots has found all", async () => {
    const { loop, log } = loopOf(5, ["a"]);
    await loop.wake();
    expect([[...log.runs.keys()], log.asked]).toEqual([["a"], [5]]);
  });

  test("a look that finds enough, some of which others have, is followed by another", async () => {
    const { loop, log } = loopOf(2, ["a", "b", "c"], ["a"]);
    await loop.wake();
    expect([[...log.runs.keys()], log.asked]).toEqual([["b"], [2, 1]]);
  });

  test("one that others have is left, without asking for ever", async () => {
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

  test("a failure is told, and the next wake tries again", async () => {
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

  test("claims for all free slots at once; one that fails spoils no other", async () => {
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
    /** How often others were told, by the time the loop has looked. */
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

    test("is told to no other worker where this one finds all that is claimable", async () => {
      const { passOn, hasRoom } = await toldOthers([]);
      await until(() => hasRoom.mock.calls.length > 0);
      await new Promise(setImmediate);
      expect(passOn).not.toHaveBeenCalled();
    });

    test.each<[string, string[], (loop: WorkLoop<string>) => unknown]>([
      ["whose slots are full again", ["b"], () => {}],
      ["that is paused", [], (loop) => loop.pause()],
      ["that stops", [], (loop) => void loop.end()],
    ])("is told to the others by a worker %s", async (_which, waiting, meanwhile) => {
      const { passOn } = await toldOthers(waiting, meanwhile);
      await until(() => passOn.mock.calls.length > 0);
    });
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
