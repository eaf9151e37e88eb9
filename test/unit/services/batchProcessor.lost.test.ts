/** The promise: a worker that may have lost its batch looks at once, and does not keep others from the batch. */
import type { Service } from "moleculer";
import type { MemoryLocks } from "../../../services/batchLock/batchLock.provider.ts";
import type { LeaseKeeper } from "../../../services/batchProcessor/batchProcessor.leases.ts";
import { call } from "../../../services/messages.ts";
import { until } from "../../helpers/patience.ts";
import type { System } from "../../helpers/system.ts";
import { startNode } from "../contracts/kit.ts";
import { answers, calls, get, orders, post, services, startHandler, storeOf } from "./batchProcessor.kit.ts";

let node: System;
beforeAll(async () => {
  // With these settings leases are renewed every 20 s, and the lock every 333 ms.
  const env = { LOG_LEVEL: "fatal", POLL_INTERVAL: "50ms", BATCH_LEASE: "60s", REDIS_LOCK_TIMEOUT: "1s" };
  node = await startNode({ services, env, extra: [orders] });
});
afterAll(() => node.stop());
startHandler();

const inside = <T>(name: string) => node.broker.getLocalService(name) as Service & T;
const running = async () => (await call(node.broker, "batchProcessor.status", {})).running;
const cancelled = (publicId: string) => call(node.broker, "batch.cancel", { publicId });

test("a lost lock makes the worker check the fence", async () => {
  const gate = Promise.withResolvers<void>();
  answers(() => gate.promise);
  const { publicId } = await post({}, "{}\n", node);
  await until(() => calls.length === 1);
  await cancelled(publicId);
  jest.spyOn(inside<{ locks: MemoryLocks }>("batchLock").locks, "extend").mockResolvedValue(false);
  await until(async () => (await running()).length === 0);
  gate.resolve();
});

test("the lock of a lost batch is released at once, also while the database does not answer", async () => {
  const answer = Promise.withResolvers<null>();
  const commit = jest.spyOn(storeOf(node), "commitChunk").mockReturnValueOnce(answer.promise);
  const { publicId, fence } = await post({}, "{}\n", node);
  await until(() => commit.mock.calls.length === 1);
  await cancelled(publicId);
  await inside<{ leases: LeaseKeeper }>("batchProcessor").leases.renew();
  const acquire = () => call(node.broker, "batchLock.acquire", { batchId: publicId, fence });
  await until(async () => (await acquire()).outcome === "acquired");
  expect(await running()).toEqual([publicId]);
  answer.resolve(null);
  await until(async () => (await running()).length === 0);
});

test("a lease that a commit has just extended is not renewed", async () => {
  const renewed = jest.spyOn(inside<{ leases: LeaseKeeper }>("batchProcessor").leases, "renewed");
  const batch = await post({ chunkRecords: 1 }, "{}\n{}\n", node);
  await until(async () => (await get(batch, node)).state === "completed");
  expect(renewed.mock.calls).toEqual([[batch.id], [batch.id]]);
});

test("the lease of an ended batch is renewed no more", async () => {
  const batch = await post({}, "{}\n", node);
  await until(async () => (await get(batch, node)).state === "completed" && (await running()).length === 0);
  const extend = jest.spyOn(storeOf(node), "extendLeases");
  await inside<{ leases: LeaseKeeper }>("batchProcessor").leases.renew();
  expect(extend).not.toHaveBeenCalled();
});
