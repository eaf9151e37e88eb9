/** The promise: a batch is processed only under its lock and its fence, and goes on where its last run was interrupted. */
import { DatabaseUnavailable } from "../../../database/errors.ts";
import { call } from "../../../services/messages.ts";
import { until } from "../../helpers/patience.ts";
import {
  acquire,
  answers,
  calls,
  ended,
  get,
  post,
  startWorker,
  status,
  storeOf,
  system,
} from "./batchProcessor.kit.ts";

startWorker();

describe("the lock", () => {
  test("is held while a batch runs, and then released", async () => {
    const gate = Promise.withResolvers<void>();
    answers(() => gate.promise);
    const batch = await post();
    await until(() => calls.length > 0);
    expect(await acquire(batch)).toEqual({ outcome: "busy" });
    expect(await status()).toEqual({ paused: false, slots: 3, running: [batch.publicId] });
    gate.resolve();
    await ended(batch);
    await until(async () => (await acquire(batch)).outcome === "acquired");
    expect((await status()).running).toEqual([]);
  });

  test("that another worker holds prevents the claim until it is free", async () => {
    const claim = jest.spyOn(storeOf(), "claim");
    const candidates = jest.spyOn(storeOf(), "candidates");
    const batch = await post({ requiresApproval: true });
    const lock = await acquire(batch);
    await call(system.broker, "batch.approve", { publicId: batch.publicId });
    const asked = candidates.mock.calls.length;
    await until(() => candidates.mock.calls.length > asked + 1);
    expect(claim).toHaveBeenCalledTimes(0);
    if (lock.outcome !== "acquired") throw new Error(lock.outcome);
    await call(system.broker, "batchLock.release", { batchId: batch.publicId, fence: batch.fence, token: lock.token });
    expect(await ended(batch)).toMatchObject({ state: "completed" });
  });

  test("is released if the claim fails, so that the next try can get it", async () => {
    jest.spyOn(storeOf(), "claim").mockRejectedValueOnce(new DatabaseUnavailable("away"));
    expect(await ended(await post())).toMatchObject({ state: "completed", attemptsTotal: 1 });
  });

  test("is released if another worker was faster", async () => {
    jest.spyOn(storeOf(), "claim").mockResolvedValueOnce(null);
    expect(await ended(await post())).toMatchObject({ state: "completed" });
  });
});

describe("during a run", () => {
  test("a batch that is taken away ends the run, and its late answer writes nothing", async () => {
    const gate = Promise.withResolvers<void>();
    answers(() => gate.promise);
    const batch = await post();
    await until(() => calls.length > 0);
    await call(system.broker, "batch.cancel", { publicId: batch.publicId });
    // The next renewal of leases notices the loss, without waiting for the handler.
    await until(async () => (await status()).running.length === 0);
    gate.resolve();
    expect(await get(batch)).toMatchObject({ state: "cancelled", accepted: 0 });
  });

  test("several batches run at once, up to the slots", async () => {
    const gate = Promise.withResolvers<void>();
    answers(() => gate.promise);
    const batches = [await post(), await post(), await post(), await post()];
    await until(() => calls.length === 3);
    expect((await status()).running).toHaveLength(3);
    gate.resolve();
    for (const batch of batches) await ended(batch);
  });

  test("a commit that fails by a defect costs an attempt", async () => {
    jest.spyOn(storeOf(), "commitChunk").mockRejectedValueOnce(new Error("a defect"));
    expect(await ended(await post())).toMatchObject({ state: "completed", attemptsTotal: 2 });
  });

  test("a run that the database broke off goes on, while other batches keep the worker busy", async () => {
    const gate = Promise.withResolvers<void>();
    answers(() => gate.promise);
    const other = await post();
    await until(() => calls.length === 1);
    answers(() => null);
    jest.spyOn(storeOf(), "commitChunk").mockRejectedValueOnce(new DatabaseUnavailable("away"));
    expect(await ended(await post())).toMatchObject({ state: "completed" });
    gate.resolve();
    await ended(other);
  });
});
