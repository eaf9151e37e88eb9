/** The promise: a worker that has lost its batch writes nothing any more, whatever it believes, and stops. */
import { DatabaseUnavailable } from "../../../database/errors.ts";
import type { WorkerCommit } from "../../../services/batch/batch.contract.ts";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import type { Settlement } from "../../../services/batch/batch.outcome.domain.ts";
import { call } from "../../../services/messages.ts";
import { accepted, batchWhen, get, lines, newClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { type System, type SystemOptions, startSystem } from "../../helpers/system.ts";
import { ended, handler, hanging, hasStatus, lostFences, row, rows, storeOf } from "./kit.ts";

let system: System;
/** Starts one system for all tests of a suite. Each test has clients of its own. */
function shareSystem(options: SystemOptions): void {
  beforeAll(async () => {
    system = await startSystem(options);
  });
  afterAll(() => system.stop());
}
afterEach(() => jest.restoreAllMocks());

const LEASE_MS = 1_000;
const workerLogger = () => system.broker.getLocalService("batchProcessor").logger;
const env = { BATCH_LEASE: "1s", SWEEP_INTERVAL: "250ms", SHUTDOWN_TIMEOUT: "2s" };
const withoutWorker = ["api", "batch", "clientCache", "outbox", "policy", "rateLimiter"];

/** The commit of a chunk's two records. */
function commitOf({ nextChunk: chunk, chunks }: BatchRow): WorkerCommit {
  const firstRecord = chunk * 2 + 1;
  return {
    chunk,
    firstRecord,
    records: 2,
    text: Buffer.from(`{"n":${firstRecord}}\n{"n":${firstRecord + 1}}`),
    errors: [],
    unlisted: [],
    counts: { accepted: 2, rejected: 0, duplicate: 0 },
    next: { phase: "deliver", chunk: chunk + 1 },
    end: chunk + 1 === chunks ? { state: "completed", error: null } : null,
  };
}

const commit = (batch: BatchRow) => call(system.broker, "batch.commitChunk", { batch, commit: commitOf(batch) });
const claimBy = async (owner: string, { id }: { id: number }) => {
  const claimed = await call(system.broker, "batch.claim", { id, owner });
  return claimed?.batch ?? null;
};

const everyWay: Settlement[] = [
  { outcome: "snooze", delayMs: 0 },
  { outcome: "retry", delayMs: 0, code: "internal", detail: "" },
  { outcome: "fail", code: "handler-failed", detail: "" },
  { outcome: "cancel" },
];

/** Tries every write with the batch as a late worker knows it. All of them must be refused. */
async function isRefusedAll(late: BatchRow, owner: string): Promise<void> {
  expect(await commit(late)).toBeNull();
  for (const outcome of everyWay)
    expect(await call(system.broker, "batch.settle", { batch: late, outcome })).toBeNull();
  expect(await storeOf(system).extendLeases(owner, [late.id], LEASE_MS)).toEqual([]);
}

describe("without a worker of the system's own", () => {
  shareSystem({ services: withoutWorker, env });

  test("of two workers on one batch, every write of the one whose lease expired is refused", async () => {
    const client = await newClient(system.url, { chunkRecords: 2 });
    const { id: publicId } = await accepted(system.url, client, rows(6));
    const [candidate] = await storeOf(system).candidates(1);
    const claimed = await claimBy("early", candidate as { id: number });
    const early = (await commit(claimed as BatchRow)) as BatchRow;
    expect(early).toMatchObject({ state: "processing", nextChunk: 1, accepted: 2, owner: "early" });

    const lapsed = await until(async () => {
      const found = await row(system, publicId);
      return found.state === "ready" && found;
    });
    expect(lapsed).toMatchObject({ fence: early.fence + 1, owner: null });
    await isRefusedAll(early, "early");
    expect(await row(system, publicId)).toEqual(lapsed);

    const late = (await claimBy("late", early)) as BatchRow;
    expect(await claimBy("third", early)).toBeNull();
    await isRefusedAll(early, "early");
    expect(await row(system, publicId)).toEqual(late);
    expect(await storeOf(system).extendLeases("late", [late.id], LEASE_MS)).toEqual([
      { id: late.id, fence: late.fence },
    ]);

    const last = (await commit(late)) as BatchRow;
    expect(await commit(late)).toBeNull();
    expect(await commit(last)).toMatchObject({ state: "completed", accepted: 6, rejected: 0 });
    await isRefusedAll(last, "late");
    const stored = await lines<{ data: { n: number } }>(get(system.url, client, `/imports/${publicId}/records`));
    expect(stored.map(({ data }) => data.n)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("a cancelled batch refuses writes of its worker, and frees the slot at once", async () => {
    const client = await newClient(system.url, { chunkRecords: 2, maxConcurrentBatches: 1 });
    const first = await accepted(system.url, client, rows(4));
    await accepted(system.url, client, rows(2));
    const claimed = (await claimBy("worker", await row(system, first.id))) as BatchRow;
    expect(await storeOf(system).candidates(9)).toEqual([]);
    await fetch(`${system.url}/imports/${first.id}/cancel`, {
      method: "POST",
      headers: { authorization: client.auth },
    });
    await isRefusedAll(claimed, "worker");
    expect(await row(system, first.id)).toMatchObject({ state: "cancelled", fence: claimed.fence + 1, accepted: 0 });
    expect(await storeOf(system).candidates(9)).toHaveLength(1);
  });
});

const running = async () => (await call(system.broker, "batchProcessor.status", {})).running;

describe("with a short lease", () => {
  const [aborted, broken] = [hanging("aborted"), hanging("broken")];
  const keyed = handler("keyed", () => null);
  const answers = [Promise.withResolvers<null>(), Promise.withResolvers<null>()];
  const slow = handler("slow", () => answers[slow.calls.length - 1]?.promise);
  shareSystem({ env, extra: [aborted, broken, keyed, slow].map(({ schema }) => schema) });

  test("a run whose fence was raised is aborted, though its handler hangs; the late answer changes nothing", async () => {
    const client = await newClient(system.url, { handler: "aborted.run", handlerTimeoutMs: 60_000 });
    const { id } = await accepted(system.url, client, rows(3));
    await until(() => aborted.calls.length === 1);
    expect(await running()).toEqual([id]);
    await fetch(`${system.url}/imports/${id}/cancel`, { method: "POST", headers: { authorization: client.auth } });
    await until(async () => (await running()).length === 0, "none to run", 5_000);
    const before = await row(system, id);
    aborted.release();
    await ended(system, client, (await accepted(system.url, client, rows(1))).id);
    // The body may be deleted meanwhile.
    expect(await row(system, id)).toEqual({ ...before, chunks: expect.any(Number), dueAt: expect.any(Number) });
    expect(before).toMatchObject({ state: "cancelled", accepted: 0 });
  });

  test("a run that lost its batch before it reserves keys delivers nothing, and is counted and logged once", async () => {
    const client = await newClient(system.url, { handler: "keyed.run", uniqueKey: ["n"] });
    const store = storeOf(system);
    const reserveKeys = store.reserveKeys.bind(store);
    jest.spyOn(store, "reserveKeys").mockImplementationOnce(async (id, fence, ...given) => {
      const move = { to: "ready", due: { inMs: 0 }, reason: null, attempt: "uncount" } as const;
      await store.move({ id, fence, from: "processing", events: [], ...move });
      return reserveKeys(id, fence, ...given);
    });
    const warned = jest.spyOn(workerLogger(), "warn");
    const before = await lostFences(system);
    const { id } = await accepted(system.url, client, rows(3));
    expect(await ended(system, client, id)).toMatchObject({
      status: "completed",
      attempts: 1,
      counts: { accepted: 3 },
    });
    expect(keyed.calls).toMatchObject([{ fence: 3 }]);
    expect(await lostFences(system)).toEqual({ giveUp: before.giveUp + 1, commit: before.commit });
    const about = { values: expect.objectContaining({ batchId: id }) };
    expect(warned.mock.calls).toEqual([[expect.stringMatching("The run of the batch was lost"), about]]);
  });

  test("a run that cannot renew its lease ends; the batch runs again under a higher fence", async () => {
    const client = await newClient(system.url, { handler: "slow.run" });
    const away = jest.spyOn(storeOf(system), "extendLeases").mockRejectedValue(new DatabaseUnavailable("away"));
    const { id } = await accepted(system.url, client, rows(3));
    await until(() => slow.calls.length === 2);
    away.mockRestore();
    const [first, second] = slow.calls;
    expect(second?.fence).toBeGreaterThan(first?.fence as number);
    expect({ ...second, fence: 0 }).toEqual({ ...first, fence: 0 });
    answers[0]?.resolve(null);
    expect(await batchWhen(system.url, client, id, hasStatus("processing"))).toMatchObject({ counts: { accepted: 0 } });
    answers[1]?.resolve(null);
    expect(await ended(system, client, id)).toMatchObject({
      status: "completed",
      counts: { accepted: 3 },
      attempts: 2,
    });
  });

  test("a batch whose run broke off does not stay leased because its worker renews other leases", async () => {
    const busy = await newClient(system.url, { handler: "broken.run" });
    const other = await accepted(system.url, busy, rows(1));
    await until(() => broken.calls.length === 1);
    const client = await newClient(system.url);
    jest.spyOn(storeOf(system), "commitChunk").mockRejectedValueOnce(new DatabaseUnavailable("away"));
    const { id } = await accepted(system.url, client, rows(3));
    expect(await ended(system, client, id)).toMatchObject({ status: "completed", counts: { accepted: 3 } });
    expect(await running()).toEqual([other.id]);
    broken.release();
    await ended(system, busy, other.id);
  });

  test("a database that is away while a chunk is read counts no attempt", async () => {
    const client = await newClient(system.url, { chunkRecords: 2, maxAttempts: 1 });
    const read = jest.spyOn(storeOf(system), "readChunk").mockRejectedValueOnce(new DatabaseUnavailable("away"));
    const { id } = await accepted(system.url, client, rows(6));
    expect(await ended(system, client, id)).toMatchObject({ status: "completed", counts: { accepted: 6 } });
    expect(read.mock.calls.length).toBeGreaterThan(1);
    expect(await storeOf(system).attempts([(await row(system, id)).id], 9)).toEqual([]);
  });

  test("a commit whose answer is lost happens once", async () => {
    const store = storeOf(system);
    const commitChunk = store.commitChunk.bind(store);
    const client = await newClient(system.url, { chunkRecords: 2 });
    const lossy = jest.spyOn(store, "commitChunk").mockImplementation(async (commit) => {
      const written = await commitChunk(commit);
      if (written && lossy.mock.calls.length <= 5) throw new Error("no answer in time");
      return written;
    });
    const { id } = await accepted(system.url, client, rows(6));
    expect(await ended(system, client, id)).toMatchObject({
      status: "completed",
      counts: { received: 6, accepted: 6 },
    });
    const stored = await lines<{ data: { n: number } }>(get(system.url, client, `/imports/${id}/records`));
    expect(stored.map(({ data }) => data.n)).toEqual([1, 2, 3, 4, 5, 6]);
    await until(async () => (await running()).length === 0);
  });
});

describe("with locks that stay", () => {
  shareSystem({ env: { ...env, REDIS_LOCK_TIMEOUT: "1h" } });

  test("a failed claim releases its lock", async () => {
    const client = await newClient(system.url);
    jest.spyOn(storeOf(system), "claim").mockRejectedValueOnce(new DatabaseUnavailable("away"));
    const { id } = await accepted(system.url, client, rows(3));
    expect(await ended(system, client, id)).toMatchObject({ status: "completed" });
  });

  test("a failed claim of a group releases its locks", async () => {
    const [client, store] = [await newClient(system.url), storeOf(system)];
    const [claim, claimGroup] = [store.claim, store.claimGroup];
    jest.spyOn(store, "claim").mockRejectedValue(new DatabaseUnavailable("away"));
    const claims = jest.spyOn(store, "claimGroup").mockRejectedValue(new DatabaseUnavailable("away"));
    const uploads = [await accepted(system.url, client, rows(3)), await accepted(system.url, client, rows(3))];
    await until(() => claims.mock.calls.some(([ids]) => ids.length === 2));
    Object.assign(store, { claim, claimGroup });
    for (const { id } of uploads) expect(await ended(system, client, id)).toMatchObject({ status: "completed" });
  });
});
