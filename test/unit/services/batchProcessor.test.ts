import { Readable } from "node:stream";
import { type Context, type Service, ServiceBroker, type ServiceSchema } from "moleculer";
import { loadConfig } from "../../../config.ts";
import type { Database } from "../../../database/database.ts";
import { DatabaseUnavailable } from "../../../database/errors.ts";
import type { BatchRow, BatchStore } from "../../../database/store.ts";
import { brokerOptions } from "../../../moleculer.config.ts";
import type { HandlerCall } from "../../../services/batchProcessor/batchProcessor.contract.ts";
import { type Delivered, deliver } from "../../../services/batchProcessor/batchProcessor.handlers.ts";
import type { WorkLoop } from "../../../services/batchProcessor/batchProcessor.loop.ts";
import batchProcessor from "../../../services/batchProcessor/batchProcessor.service.ts";
import type { Client } from "../../../services/clientCache/clientCache.contract.ts";
import { call } from "../../../services/messages.ts";
import type { System } from "../../helpers/system.ts";
import { startBroker, startNode, until } from "../contracts/kit.ts";

/** What the queue mixin keeps. */
interface Consumes {
  consumptions: Map<string, unknown>;
}

const services = ["batchProcessor", "batch", "batchLock", "policy", "clientCache", "outbox"];

/** The handler `orders.run`: it does what the test says. */
let answer: (given: HandlerCall) => unknown;
let calls: HandlerCall[];
const orders = {
  name: "orders",
  actions: {
    run: {
      importHandler: true,
      handler({ params }: Context<HandlerCall>) {
        calls.push(params);
        return answer(params);
      },
    },
    list: () => [],
  },
} as unknown as ServiceSchema;

let system: System;
let client: Client;
let clients = 0;
beforeAll(async () => {
  const env = {
    LOG_LEVEL: "fatal",
    SWEEP_INTERVAL: "100ms",
    POLL_INTERVAL: "50ms",
    BATCH_LEASE: "1s",
    REDIS_LOCK_TIMEOUT: "60s",
  };
  system = await startNode({ services, env: { ...env, WORKER_CONCURRENCY: "3" }, extra: [orders] });
});
afterAll(() => system.stop());
beforeEach(() => {
  calls = [];
  answer = () => null;
});
afterEach(() => jest.restoreAllMocks());

const backoff = { type: "fixed", delayMs: 0 };
async function post(policy: object = {}, body = '{"n":1}\n{"n":2}\n', node = system): Promise<BatchRow> {
  const clientIdentifier = `client-${++clients}`;
  const own = { handler: "orders.run", backoff, ...policy };
  const created = { clientIdentifier, name: clientIdentifier, policy: own };
  ({ client } = await call(node.broker, "clientCache.create", created));
  const params = { clientId: client.id, clientPublicId: client.publicId, requestId: null } as const;
  const stream = Readable.from([Buffer.from(body)]);
  const upload = { ...params, format: "ndjson", encoding: "identity" } as const;
  return (await call(node.broker, "batch.create", upload, { stream })).batch;
}
const get = ({ publicId }: BatchRow, node = system) => call(node.broker, "batch.get", { publicId });
async function when(batch: BatchRow, ...states: BatchRow["state"][]): Promise<BatchRow> {
  await until(async () => states.includes((await get(batch)).state), 10_000);
  return get(batch);
}
const ended = (batch: BatchRow) => when(batch, "completed", "completed_with_errors", "failed", "cancelled");
const storeOf = (node = system): BatchStore =>
  (node.broker.getLocalService("batch") as Service & { database: Database }).database.store;
const status = () => call(system.broker, "batchProcessor.status", {});
const acquire = ({ publicId: batchId, fence }: BatchRow) =>
  call(system.broker, "batchLock.acquire", { batchId, fence });

describe("a batch with a handler", () => {
  test("is given over chunk by chunk, with what makes each call repeatable", async () => {
    const batch = await ended(await post({ chunkRecords: 1 }));
    expect(batch).toMatchObject({ state: "completed", accepted: 2, attemptsTotal: 1 });
    const common = { batchId: batch.publicId, clientId: client.publicId, fence: 1 };
    expect(calls).toEqual([
      { ...common, chunk: 0, records: [{ record: 1, data: { n: 1 } }] },
      { ...common, chunk: 1, records: [{ record: 2, data: { n: 2 } }] },
    ]);
  });

  test("has the handler's refusals beside those of its schema, and gives no record over that is invalid", async () => {
    answer = ({ records }) => ({
      rejected: records
        .filter(({ data }) => data.n === 3)
        .map(({ record }) => ({ record, errors: [{ field: "n", code: "sold-out", message: "None is left." }] })),
    });
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
  ])("whose handler %s is tried so often as its policy says", async (_how, fail) => {
    answer = fail;
    const batch = await ended(await post({ maxAttempts: 3 }));
    expect(batch).toMatchObject({ state: "failed", attemptsTotal: 3, reason: { code: "handler-failed" } });
    expect(JSON.stringify(batch.reason)).toContain("no stock");
    expect(calls.map(({ fence }) => fence)).toEqual([1, 3, 5]);
  });

  test("counts attempts since the last committed chunk", async () => {
    let failures = 0;
    answer = ({ chunk }) => {
      if (failures++ % 2 === 0) throw new Error(`no stock for ${chunk}`);
    };
    const batch = await ended(await post({ chunkRecords: 1, maxAttempts: 2 }));
    expect(batch).toMatchObject({ state: "completed", accepted: 2 });
  });

  test.each([
    ["fail", { outcome: "fail", reason: "closed" }, "failed", { code: "handler-failed", detail: "closed" }],
    ["cancel", { outcome: "cancel" }, "cancelled", null],
  ])("ends as its handler says: %s", async (_outcome, outcome, state, reason) => {
    answer = () => outcome;
    expect(await ended(await post({ maxAttempts: 5 }))).toMatchObject({ state, reason, attemptsTotal: 1 });
    expect(calls).toHaveLength(1);
  });

  test("waits without an attempt when its handler says so", async () => {
    let snoozes = 3;
    answer = () => (snoozes-- > 0 ? { outcome: "snooze", delayMs: 0 } : null);
    expect(await ended(await post({ maxAttempts: 1 }))).toMatchObject({ state: "completed", attemptsTotal: 1 });
    expect(calls).toHaveLength(4);
  });
});

describe("an answer of a handler", () => {
  const chunk = { batchId: "b", clientId: "c", chunk: 0, fence: 1, records: [{ record: 7, data: {} }] };
  const refusal = { record: 7, errors: [{ code: "sold-out" }] };
  const absent = (reason: RegExp) => ({ outcome: "snooze", delayMs: 5_000, reason: expect.stringMatching(reason) });

  let alone: Awaited<ReturnType<typeof startBroker>>;
  beforeAll(async () => {
    alone = await startBroker(orders);
  });
  afterAll(() => alone.stop());

  function classed(action: string, given: () => unknown, timeoutMs = 5_000): Promise<Delivered> {
    answer = given;
    return deliver(alone.broker, action, timeoutMs, chunk);
  }

  test.each<[unknown, Delivered]>([
    [undefined, { outcome: "done", rejected: [] }],
    [null, { outcome: "done", rejected: [] }],
    [{}, { outcome: "done", rejected: [] }],
    [
      { outcome: "done", rejected: [refusal] },
      { outcome: "done", rejected: [{ record: 7, errors: [{ field: "", code: "sold-out", message: "sold-out" }] }] },
    ],
    // A record that is named twice counts once; one that it was not given is none of the chunk.
    [
      { rejected: [refusal, refusal] },
      { outcome: "done", rejected: [{ record: 7, errors: [{ field: "", code: "sold-out", message: "sold-out" }] }] },
    ],
    [{ rejected: [{ ...refusal, record: 8 }] }, { outcome: "done", rejected: [] }],
    [
      { outcome: "snooze", delayMs: 1e12 },
      { outcome: "snooze", reason: "", delayMs: 86_400_000 },
    ],
    [
      { outcome: "snooze", delayMs: -1 },
      { outcome: "snooze", reason: "", delayMs: 5_000 },
    ],
    [
      { outcome: "retry", delayMs: 7 },
      { outcome: "retry", reason: "the handler asked for it", delayMs: 7 },
    ],
    [{ outcome: "cancel" }, { outcome: "cancel" }],
    [{ outcome: "fail" }, { outcome: "fail", reason: "The handler gave up." }],
  ])("%j", async (given, delivered) => {
    expect(await classed("orders.run", () => given)).toEqual(delivered);
  });

  test.each([
    [{ outcome: "maybe" }],
    ["fail"],
    [true],
    [{ rejected: 7 }],
    [{ rejected: [{ record: 7 }] }],
    [{ rejected: [{ record: 7, errors: [{ message: "no code" }] }] }],
  ])("%j is outside of the contract, and fails loudly", async (given) => {
    expect(await classed("orders.run", () => given)).toMatchObject({ outcome: "fail" });
  });

  test("a handler that is not there, or is none, is waited for", async () => {
    expect(await classed("orders.gone", () => null)).toEqual(absent(/"orders.gone" is not there/));
    expect(await classed("orders.list", () => null)).toEqual(absent(/does not declare itself/));
    expect(calls).toEqual([]);
  });

  test("one that does not answer in time is an attempt", async () => {
    expect(await classed("orders.run", () => new Promise(() => {}), 20)).toMatchObject({ outcome: "retry" });
  });
});

describe("the lock", () => {
  test("is held while a batch is worked, and given back", async () => {
    const gate = Promise.withResolvers<void>();
    answer = () => gate.promise;
    const batch = await post();
    await until(() => calls.length > 0);
    expect(await acquire(batch)).toEqual({ outcome: "busy" });
    expect(await status()).toEqual({ paused: false, slots: 3, running: [batch.publicId] });
    gate.resolve();
    await ended(batch);
    await until(async () => (await acquire(batch)).outcome === "acquired");
    expect((await status()).running).toEqual([]);
  });

  test("that another has keeps the claim away until it is free", async () => {
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

  test("is given back where the claim fails, so that the next try is not kept away by it", async () => {
    jest.spyOn(storeOf(), "claim").mockRejectedValueOnce(new DatabaseUnavailable("away"));
    expect(await ended(await post())).toMatchObject({ state: "completed", attemptsTotal: 1 });
  });

  test("is given back where another was faster", async () => {
    jest.spyOn(storeOf(), "claim").mockResolvedValueOnce(null);
    expect(await ended(await post())).toMatchObject({ state: "completed" });
  });
});

describe("while it works", () => {
  test("a batch that is taken away ends the run, and its late answer writes nothing", async () => {
    const gate = Promise.withResolvers<void>();
    answer = () => gate.promise;
    const batch = await post();
    await until(() => calls.length > 0);
    await call(system.broker, "batch.cancel", { publicId: batch.publicId });
    // The next renewal of leases finds it out; the handler is not waited for.
    await until(async () => (await status()).running.length === 0);
    gate.resolve();
    expect(await get(batch)).toMatchObject({ state: "cancelled", accepted: 0 });
  });

  test("several batches run at once, up to the slots", async () => {
    const gate = Promise.withResolvers<void>();
    answer = () => gate.promise;
    const batches = [await post(), await post(), await post(), await post()];
    await until(() => calls.length === 3);
    expect((await status()).running).toHaveLength(3);
    gate.resolve();
    for (const batch of batches) await ended(batch);
  });

  test("a commit that fails by a defect is an attempt", async () => {
    jest.spyOn(storeOf(), "commitChunk").mockRejectedValueOnce(new Error("a defect"));
    expect(await ended(await post())).toMatchObject({ state: "completed", attemptsTotal: 2 });
  });

  test("a run that the database broke off goes on, while others keep the worker busy", async () => {
    const gate = Promise.withResolvers<void>();
    answer = () => gate.promise;
    const other = await post();
    await until(() => calls.length === 1);
    answer = () => null;
    jest.spyOn(storeOf(), "commitChunk").mockRejectedValueOnce(new DatabaseUnavailable("away"));
    expect(await ended(await post())).toMatchObject({ state: "completed" });
    gate.resolve();
    await ended(other);
  });
});

test("it starts only beside its partners", async () => {
  const options = brokerOptions(loadConfig({ LOG_LEVEL: "fatal" }));
  const broker = new ServiceBroker({ ...options, skipProcessEventRegistration: true });
  broker.createService(batchProcessor);
  broker.createService({ name: "batch" });
  await expect(broker.start()).rejects.toThrow(
    'SERVICES: "batchProcessor" needs "batchLock", "policy", "clientCache", "outbox" on the same node.',
  );
  await broker.stop();
});

test("it takes no message before its partners have started", async () => {
  const options = brokerOptions(loadConfig({ LOG_LEVEL: "fatal" }));
  const broker = new ServiceBroker({ ...options, skipProcessEventRegistration: true });
  const consumed = () => (broker.getLocalService("batchProcessor") as Service & Consumes).consumptions.size;
  const seen: number[] = [];
  for (const name of ["batchLock", "policy", "clientCache", "outbox"]) broker.createService({ name });
  broker.createService(batchProcessor);
  broker.createService({
    name: "batch",
    actions: { candidates: () => [] },
    async started() {
      for (let turns = 0; turns < 100; turns++) seen.push(await new Promise((next) => setImmediate(next, consumed())));
    },
  });
  await broker.start();
  expect([...new Set(seen), consumed()]).toEqual([0, 1]);
  await broker.stop();
});

test("a node's sweep wakes its worker, which looks by itself each second at most", async () => {
  const env = { LOG_LEVEL: "fatal", SWEEP_INTERVAL: "100ms" };
  const node = await startNode({ services, env, extra: [orders] });
  const loop = (node.broker.getLocalService("batchProcessor") as Service & { loop: WorkLoop<unknown> }).loop;
  const wake = jest.spyOn(loop, "wake");
  wake.mockClear();
  await until(() => wake.mock.calls.length > 10);
  await node.stop();
});

test("a planned stop hands back what runs, without an attempt", async () => {
  const env = { LOG_LEVEL: "fatal", SHUTDOWN_TIMEOUT: "500ms" };
  const node = await startNode({ services, env, extra: [orders] });
  const gate = Promise.withResolvers<void>();
  answer = () => gate.promise;
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
