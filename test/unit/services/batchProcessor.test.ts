/** The promise: a batch with a handler is processed chunk by chunk, and a worker starts and stops in the right order. */
import { type Service, ServiceBroker } from "moleculer";
import { loadConfig } from "../../../config/config.ts";
import type { WithDatabase } from "../../../mixins/database.ts";
import { brokerOptions } from "../../../moleculer.config.ts";
import type { WorkLoop } from "../../../services/batchProcessor/batchProcessor.loop.ts";
import batchProcessor from "../../../services/batchProcessor/batchProcessor.service.ts";
import { call } from "../../../services/messages.ts";
import { until } from "../../helpers/patience.ts";
import { startNode } from "../contracts/kit.ts";
import {
  answers,
  calls,
  client,
  ended,
  orders,
  post,
  services,
  startWorker,
  storeOf,
  system,
} from "./batchProcessor.kit.ts";

/** The members of the queue mixin that the test reads. */
interface Consumes {
  consumptions: Map<string, unknown>;
}

startWorker();

describe("a batch with a handler", () => {
  test("is delivered chunk by chunk, with the ids that make each call repeatable", async () => {
    const batch = await ended(await post({ chunkRecords: 1 }));
    expect(batch).toMatchObject({ state: "completed", accepted: 2, attemptsTotal: 1 });
    const common = { batchId: batch.publicId, clientId: client.publicId, dataset: "default", fence: 1 };
    expect(calls).toEqual([
      { ...common, chunk: 0, records: [{ record: 1, data: { n: 1 } }] },
      { ...common, chunk: 1, records: [{ record: 2, data: { n: 2 } }] },
    ]);
  });

  test("reports the handler's refusals beside those of the schema, and delivers no invalid record", async () => {
    answers(({ records }) => ({
      rejected: records
        .filter(({ data }) => data.n === 3)
        .map(({ record }) => ({ record, errors: [{ field: "n", code: "sold-out", message: "None is left." }] })),
    }));
    const schema = { properties: { n: { type: "integer" } } };
    const batch = await ended(await post({ schema }, '{"n":1}\n{"n":"2"}\n{"n":3}\n'));
    expect(batch).toMatchObject({ state: "completed_with_errors", accepted: 1, rejected: 2 });
    expect(calls[0]?.records.map(({ record }) => record)).toEqual([1, 3]);
    const errors = await call(system.broker, "batch.errors", { id: batch.id, after: 0, limit: 9 });
    expect(errors).toMatchObject([
      { seq: 2, line: 2, errors: [{ field: "n", code: "type" }] },
      { seq: 3, line: 3, raw: '{"n":3}', errors: [{ field: "n", code: "sold-out", message: "None is left." }] },
    ]);
  });

  test.each<[string, () => unknown]>([
    ["throws", () => Promise.reject(new Error("no stock"))],
    ["asks for a retry", () => ({ outcome: "retry", reason: "no stock" })],
  ])("whose handler %s is tried as often as its policy says", async (_how, fail) => {
    answers(fail);
    const batch = await ended(await post({ maxAttempts: 3 }));
    expect(batch).toMatchObject({ state: "failed", attemptsTotal: 3, reason: { code: "handler-failed" } });
    expect(JSON.stringify(batch.reason)).toContain("no stock");
    expect(calls.map(({ fence }) => fence)).toEqual([1, 3, 5]);
  });

  test("counts attempts since the last committed chunk", async () => {
    let failures = 0;
    answers(({ chunk }) => {
      if (failures++ % 2 === 0) throw new Error(`no stock for ${chunk}`);
    });
    const batch = await ended(await post({ chunkRecords: 1, maxAttempts: 2 }));
    expect(batch).toMatchObject({ state: "completed", accepted: 2 });
  });

  test.each([
    ["fail", { outcome: "fail", reason: "closed" }, "failed", { code: "handler-failed", detail: "closed" }],
    ["cancel", { outcome: "cancel" }, "cancelled", null],
  ])("ends as its handler says: %s", async (_outcome, outcome, state, reason) => {
    answers(() => outcome);
    expect(await ended(await post({ maxAttempts: 5 }))).toMatchObject({ state, reason, attemptsTotal: 1 });
    expect(calls).toHaveLength(1);
  });

  test("waits without an attempt when its handler says so", async () => {
    let snoozes = 3;
    answers(() => (snoozes-- > 0 ? { outcome: "snooze", delayMs: 0 } : null));
    expect(await ended(await post({ maxAttempts: 1 }))).toMatchObject({ state: "completed", attemptsTotal: 1 });
    expect(calls).toHaveLength(4);
  });
});

test("the worker starts only with its partners on the node", async () => {
  const options = brokerOptions(loadConfig({ LOG_LEVEL: "fatal" }));
  const broker = new ServiceBroker({ ...options, skipProcessEventRegistration: true });
  broker.createService(batchProcessor);
  broker.createService({ name: "batch" });
  await expect(broker.start()).rejects.toThrow(
    "SERVICES: expected batchLock, policy, clientCache, outbox on the node of batchProcessor",
  );
  await broker.stop();
});

test("the worker consumes no message before its partners have started and its database is open", async () => {
  const options = brokerOptions(loadConfig({ LOG_LEVEL: "fatal", DATABASE_URL: "sqlite::memory:" }));
  const broker = new ServiceBroker({ ...options, skipProcessEventRegistration: true });
  const consumed = () => (broker.getLocalService("batchProcessor") as Service & Consumes).consumptions.size;
  const seen: number[] = [];
  for (const name of ["batchLock", "policy", "clientCache", "outbox"]) broker.createService({ name });
  broker.createService(batchProcessor);
  const worker = broker.getLocalService("batchProcessor") as Service & Consumes & Partial<WithDatabase>;
  const consume = worker.consumptions.set.bind(worker.consumptions);
  let hasDatabase: boolean | undefined;
  worker.consumptions.set = (...one) => {
    hasDatabase = worker.database !== undefined;
    return consume(...one);
  };
  broker.createService({
    name: "batch",
    async started() {
      for (let turns = 0; turns < 100; turns++) seen.push(await new Promise((next) => setImmediate(next, consumed())));
    },
  });
  await broker.start();
  expect([...new Set(seen), consumed()]).toEqual([0, 1]);
  expect(hasDatabase).toBe(true);
  await broker.stop();
});

test("the sweep of a node wakes its worker, which otherwise polls every second", async () => {
  const env = { LOG_LEVEL: "fatal", SWEEP_INTERVAL: "100ms" };
  const node = await startNode({ services, env, extra: [orders] });
  const loop = (node.broker.getLocalService("batchProcessor") as Service & { loop: WorkLoop<unknown> }).loop;
  const wake = jest.spyOn(loop, "wake");
  wake.mockClear();
  await until(() => wake.mock.calls.length > 10);
  await node.stop();
});

test("a planned stop hands back running batches, without an attempt", async () => {
  const env = { LOG_LEVEL: "fatal", SHUTDOWN_TIMEOUT: "500ms" };
  const node = await startNode({ services, env, extra: [orders] });
  const gate = Promise.withResolvers<void>();
  answers(() => gate.promise);
  const batch = await post({}, "{}\n", node);
  await until(() => calls.length > 0);
  const move = jest.spyOn(storeOf(node), "move");
  const stopping = node.stop();
  await until(() => move.mock.calls.length > 0);
  gate.resolve();
  await stopping;
  const moves = await Promise.all(move.mock.results.map(({ value }) => value));
  expect(moves.map((moved) => moved?.batch)).toMatchObject([
    { publicId: batch.publicId, state: "ready", attempt: 0, attemptsTotal: 0, owner: null },
  ]);
});
