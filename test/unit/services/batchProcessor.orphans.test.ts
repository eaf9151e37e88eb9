/** The promise: a batch that its worker has lost sight of goes on long before its lease is over, and this is no attempt. */
import type { Service } from "moleculer";
import { DatabaseUnavailable } from "../../../database/errors.ts";
import type { BatchRow, BatchStore } from "../../../database/store.ts";
import type { Executor } from "../../../services/batchProcessor/batchProcessor.executor.ts";
import { call } from "../../../services/messages.ts";
import { until } from "../../helpers/patience.ts";
import type { System } from "../../helpers/system.ts";
import { startNode } from "../contracts/kit.ts";
import { answers, get, orders, post, services, startHandler, storeOf } from "./batchProcessor.kit.ts";

let node: System;
beforeAll(async () => {
  const env = { LOG_LEVEL: "fatal", POLL_INTERVAL: "50ms", BATCH_LEASE: "60s", SWEEP_INTERVAL: "1h" };
  node = await startNode({ services, env, extra: [orders] });
});
afterAll(() => node.stop());
startHandler();

const executor = () => (node.broker.getLocalService("batchProcessor") as Service & { executor: Executor }).executor;
const away = () => new DatabaseUnavailable("away");

/** The batch once it carries the worker's name though nothing works at it. */
async function orphaned(batch: BatchRow): Promise<BatchRow> {
  await until(async () => (await get(batch, node)).state === "processing");
  await until(async () => (await call(node.broker, "batchProcessor.status", {})).running.length === 0);
  return get(batch, node);
}

async function goesOn(batch: BatchRow): Promise<void> {
  expect(await orphaned(batch)).toMatchObject({ state: "processing" });
  await executor().handBackOrphans();
  await until(async () => (await get(batch, node)).state === "completed");
  expect(await get(batch, node)).toMatchObject({ attemptsTotal: 1 });
}

test("its claim was answered by an error after it had happened", async () => {
  const store = storeOf(node);
  const claim = store.claim.bind(store);
  jest.spyOn(store, "claim").mockImplementationOnce(async (...asked: Parameters<BatchStore["claim"]>) => {
    await claim(...asked);
    throw away();
  });
  await goesOn(await post({}, "{}\n", node));
});

test("the database was away at a commit", async () => {
  jest.spyOn(storeOf(node), "commitChunk").mockRejectedValueOnce(away());
  await goesOn(await post({}, "{}\n", node));
});

test("the database was away when its run was settled", async () => {
  jest.spyOn(storeOf(node), "move").mockRejectedValueOnce(away());
  answers(({ fence }) => (fence === 1 ? { outcome: "snooze", delayMs: 0 } : null));
  await goesOn(await post({}, "{}\n", node));
});
