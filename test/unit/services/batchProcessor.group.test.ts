import type { ServiceBroker } from "moleculer";
import type { WorkerCommit } from "../../../services/batch/batch.contract.ts";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import { GroupCommits, GroupLock } from "../../../services/batchProcessor/batchProcessor.group.ts";
import { useOwnTimers } from "../../helpers/own-timers.ts";

/** A broker whose actions the test controls. */
function brokerOf(actions: Record<string, (params: never) => unknown>) {
  const called: [string, unknown][] = [];
  const broker = {
    async call(name: string, params: never) {
      called.push([name, params]);
      return actions[name]?.(params);
    },
  } as unknown as ServiceBroker;
  return { broker, called };
}

const batch = (id: number) => ({ id }) as BatchRow;
const commit = {} as WorkerCommit;

describe("commits of a group", () => {
  type Sent = { commits: { batch: BatchRow }[] };
  const idsOf = ({ commits }: Sent) => commits.map((one) => one.batch.id);

  test("are sent together once each run has its own, repeatedly", async () => {
    const { broker, called } = brokerOf({
      "batch.commitChunks": ({ commits }: Sent) => commits.map(({ batch }) => ({ batch })),
    });
    const group = new GroupCommits(broker, 3, () => {});
    const first = [group.commit(batch(1), commit), group.commit(batch(2), commit)];
    await new Promise(setImmediate);
    expect(called).toEqual([]);
    first.push(group.commit(batch(3), commit));
    expect((await Promise.all(first)).map((row) => row?.id)).toEqual([1, 2, 3]);
    group.leave();
    const second = [group.commit(batch(1), commit), group.commit(batch(2), commit)];
    await Promise.all(second);
    expect(called.map(([, sent]) => idsOf(sent as Sent))).toEqual([
      [1, 2, 3],
      [1, 2],
    ]);
  });

  test("do not wait long for a slow run, which commits alone; then more may be claimed", async () => {
    const timers = useOwnTimers();
    const { broker, called } = brokerOf({
      "batch.commitChunks": ({ commits }: Sent) => commits.map(({ batch }) => ({ batch })),
    });
    const wentAhead = jest.fn();
    const group = new GroupCommits(broker, 3, wentAhead);
    const quick = [group.commit(batch(1), commit), group.commit(batch(2), commit)];
    await jest.advanceTimersByTimeAsync(99);
    expect(called).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect((await Promise.all(quick)).map((row) => row?.id)).toEqual([1, 2]);
    expect(wentAhead).toHaveBeenCalledTimes(1);
    group.leave();
    group.leave();
    expect((await group.commit(batch(3), commit))?.id).toBe(3);
    expect([timers(), wentAhead.mock.calls.length]).toEqual([0, 1]);
    jest.useRealTimers();
  });

  test("do not wait for a run that has ended without a commit", async () => {
    const { broker } = brokerOf({ "batch.commitChunks": () => [{ batch: null }] });
    const group = new GroupCommits(broker, 2, () => {});
    const answer = group.commit(batch(1), commit);
    group.leave();
    expect(await answer).toBeNull();
  });

  test("fail one by one, or all if the outcome is unknown", async () => {
    const answers = [[{ batch: batch(1) }, { error: new Error("wrong") }], Promise.reject(new Error("away"))];
    const { broker } = brokerOf({ "batch.commitChunks": () => answers.shift() });
    const group = new GroupCommits(broker, 2, () => {});
    const both = () => Promise.allSettled([group.commit(batch(1), commit), group.commit(batch(2), commit)]);
    expect((await both()).map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect((await both()).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  });
});

describe("locks of a group", () => {
  const candidates = ["a", "b"].map((publicId, id) => ({ id, publicId, fence: 0 }));
  const claims = candidates.map(({ publicId: batchId, fence }) => ({ batchId, fence }));
  const keeping = { everyMs: 60_000, lost: async () => {} };

  test("are acquired at once, and free when the last run has released them", async () => {
    const { broker, called } = brokerOf({ "batchLock.acquireAll": () => ({ outcome: "acquired", token: "t" }) });
    const { free, lock } = await GroupLock.acquire(broker, candidates, keeping);
    expect(free).toEqual(candidates);
    const shares = [lock.share(), lock.share()];
    await shares[0]?.giveBack();
    await shares[0]?.giveBack();
    expect(called.map(([name]) => name)).toEqual(["batchLock.acquireAll"]);
    await shares[1]?.giveBack();
    expect(called.at(-1)).toEqual(["batchLock.releaseAll", { claims, token: "t" }]);
  });

  test("are acquired one by one if another worker holds one", async () => {
    const { broker, called } = brokerOf({
      "batchLock.acquireAll": () => ({ outcome: "busy" }),
      "batchLock.acquire": ({ batchId }: { batchId: string }) =>
        batchId === "a" ? { outcome: "busy" } : { outcome: "acquired", token: "t" },
    });
    const { free, lock } = await GroupLock.acquire(broker, candidates, keeping);
    expect(free).toEqual(candidates.slice(1));
    await lock.free();
    expect(called.at(-1)).toEqual(["batchLock.releaseAll", { claims: claims.slice(1), token: "t" }]);
  });

  test("a lost lock makes the worker check the fences", async () => {
    jest.useFakeTimers();
    const lost = jest.fn(async () => {});
    const { broker } = brokerOf({
      "batchLock.acquireAll": () => ({ outcome: "acquired", token: "t" }),
      "batchLock.extendAll": () => false,
    });
    const { lock } = await GroupLock.acquire(broker, candidates, { everyMs: 1_000, lost });
    await jest.advanceTimersByTimeAsync(1_000);
    expect(lost).toHaveBeenCalledTimes(1);
    await lock.free();
    await jest.advanceTimersByTimeAsync(5_000);
    expect(lost).toHaveBeenCalledTimes(1);
    jest.useRealTimers();
  });
});
