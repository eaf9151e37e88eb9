/** The promise: a batch that its worker has lost track of goes on long before its lease ends, and no attempt is counted. */
import type { Service } from "moleculer";
import { DatabaseUnavailable } from "../../../database/errors.ts";
import type { BatchStore } from "../../../database/store.ts";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import type { Executor } from "../../../services/batchProcessor/batchProcessor.executor.ts";
import { builtInHandler } from "../../../services/batchProcessor/batchProcessor.handlers.ts";
import { Orphans } from "../../../services/batchProcessor/batchProcessor.orphans.ts";
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

/** Waits until the batch belongs to the worker although no run has it. */
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

test("a batch whose claim happened but was answered by an error is handed back", async () => {
  const store = storeOf(node);
  const claim = store.claim.bind(store);
  jest.spyOn(store, "claim").mockImplementationOnce(async (...asked: Parameters<BatchStore["claim"]>) => {
    await claim(...asked);
    throw away();
  });
  await goesOn(await post({}, "{}\n", node));
});

test("batches whose group claim happened but was answered by an error are handed back", async () => {
  const store = storeOf(node);
  const claimGroup = store.claimGroup.bind(store);
  jest.spyOn(store, "claimGroup").mockImplementationOnce(async (...asked: Parameters<BatchStore["claimGroup"]>) => {
    await claimGroup(...asked);
    throw away();
  });
  await call(node.broker, "batchProcessor.pause", {});
  const policy = { handler: builtInHandler };
  const batches = [await post(policy, "{}\n", node), await post(policy, "{}\n", node)];
  await call(node.broker, "batchProcessor.resume", {});
  for (const batch of batches) expect(await orphaned(batch)).toMatchObject({ state: "processing" });
  await executor().handBackOrphans();
  for (const batch of batches) {
    await until(async () => (await get(batch, node)).state === "completed");
    expect(await get(batch, node)).toMatchObject({ attemptsTotal: 1 });
  }
});

test("a batch goes on after the database was away at a commit", async () => {
  jest.spyOn(storeOf(node), "commitChunk").mockRejectedValueOnce(away());
  await goesOn(await post({}, "{}\n", node));
});

test("a batch goes on after the database was away when its run was settled", async () => {
  jest.spyOn(storeOf(node), "move").mockRejectedValueOnce(away());
  answers(({ fence }) => (fence === 1 ? { outcome: "snooze", delayMs: 0 } : null));
  await goesOn(await post({}, "{}\n", node));
});

describe("is handed back only", () => {
  const owner = "me";
  let batch: BatchRow;
  let orphans: Orphans;
  const claimedBy = async (other: string) =>
    expect(await call(node.broker, "batch.claim", { id: batch.id, owner: other })).not.toBeNull();
  const handedBack = async (isRunning = false) => {
    await orphans.handBack(() => isRunning);
    return (await get(batch, node)).state === "ready";
  };

  beforeAll(() => call(node.broker, "batchProcessor.pause", {}));
  beforeEach(async () => {
    batch = await post({}, "{}\n", node);
    orphans = new Orphans(node.broker, owner);
    orphans.add(batch.publicId);
  });

  test("where it is still this worker's", async () => {
    await claimedBy("another");
    expect(await handedBack()).toBe(false);
  });

  test("where it does not run here after all", async () => {
    await claimedBy(owner);
    expect(await handedBack(true)).toBe(false);
  });

  test("once", async () => {
    await claimedBy(owner);
    expect(await handedBack()).toBe(true);
    await claimedBy(owner);
    expect(await handedBack()).toBe(false);
  });
});
