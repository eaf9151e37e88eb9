import { MemoryLocks } from "../../../services/batchLock/batchLock.provider.ts";
import { call } from "../../../services/messages.ts";
import type { System } from "../../helpers/system.ts";
import { startNode, wrongParams } from "../contracts/kit.ts";

describe("the service", () => {
  let system: System;
  beforeEach(async () => {
    system = await startNode({ services: ["batchLock"], env: { REDIS_LOCK_TIMEOUT: "20s" } });
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await system.stop();
  });

  const acquire = (batchId: string) => call(system.broker, "batchLock.acquire", { batchId, fence: 0 });
  const extend = (batchId: string, token: string) =>
    call(system.broker, "batchLock.extend", { batchId, fence: 0, token });
  const release = (batchId: string, token: string) =>
    call(system.broker, "batchLock.release", { batchId, fence: 0, token });

  async function acquired(batchId: string): Promise<string> {
    const lock = await acquire(batchId);
    if (lock.outcome !== "acquired") throw new Error(lock.outcome);
    return lock.token;
  }

  test("one of many callers at the same time gets the lock", async () => {
    const outcomes = (await Promise.all(Array.from({ length: 20 }, () => acquire("a")))).map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === "acquired")).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === "busy")).toHaveLength(19);
    expect(await acquire("b")).toMatchObject({ outcome: "acquired" });
  });

  test("a lock is released only by its token, and is then free", async () => {
    const token = await acquired("a");
    await release("a", "another's");
    await release("b", token);
    expect(await acquire("a")).toEqual({ outcome: "busy" });
    await release("a", token);
    const next = await acquired("a");
    expect(next).not.toBe(token);
    await release("a", token);
    expect(await acquire("a")).toEqual({ outcome: "busy" });
  });

  test("a lock lasts REDIS_LOCK_TIMEOUT, and longer if it is extended", async () => {
    const clock = jest.spyOn(performance, "now").mockReturnValue(0);
    const first = await acquired("a");
    clock.mockReturnValue(19_999);
    expect(await acquire("a")).toEqual({ outcome: "busy" });
    expect(await extend("a", "another's")).toBe(false);
    expect(await extend("a", first)).toBe(true);
    clock.mockReturnValue(39_998);
    expect(await acquire("a")).toEqual({ outcome: "busy" });
    clock.mockReturnValue(39_999);
    expect(await extend("a", first)).toBe(false);
    const second = await acquired("a");
    expect(await extend("a", first)).toBe(false);
    expect(await extend("a", second)).toBe(true);
  });

  test("the locks of a group have one token: all are held, or none if one is held by another", async () => {
    const claims = ["a", "b", "c"].map((batchId) => ({ batchId, fence: 0 }));
    const held = await acquired("b");
    expect(await call(system.broker, "batchLock.acquireAll", { claims })).toEqual({ outcome: "busy" });
    await release("a", await acquired("a"));
    await release("b", held);

    const group = await call(system.broker, "batchLock.acquireAll", { claims });
    if (group.outcome !== "acquired") throw new Error(group.outcome);
    expect(await acquire("c")).toEqual({ outcome: "busy" });
    const token = group.token;
    expect(await call(system.broker, "batchLock.extendAll", { claims, token })).toBe(true);
    await release("c", token);
    expect(await call(system.broker, "batchLock.extendAll", { claims, token })).toBe(false);
    await call(system.broker, "batchLock.releaseAll", { claims, token });
    for (const { batchId } of claims) await acquired(batchId);
  });

  test.each([
    ["batchLock.acquireAll", { claims: [{ batchId: "a" }] }, "claims[0].fence"],
    ["batchLock.acquireAll", { claims: [] }, "claims"],
    ["batchLock.releaseAll", { claims: [{ batchId: "a", fence: 0 }] }, "token"],
    ["batchLock.acquire", { fence: 0 }, "batchId"],
    ["batchLock.acquire", { batchId: "a" }, "fence"],
    ["batchLock.extend", { batchId: "a", fence: 0 }, "token"],
    ["batchLock.release", { batchId: "a", fence: 0, token: 1 }, "token"],
  ])("%s of %j is refused", async (action, params, field) => {
    await expect(system.broker.call(action, params)).rejects.toEqual(wrongParams(field));
  });
});

test("two systems in one process do not share locks", async () => {
  const [a, b] = [new MemoryLocks(), new MemoryLocks()];
  expect(await a.acquire("x", 1_000)).toMatchObject({ outcome: "acquired" });
  expect(await b.acquire("x", 1_000)).toMatchObject({ outcome: "acquired" });
});
