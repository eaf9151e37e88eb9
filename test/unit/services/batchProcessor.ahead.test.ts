/**
 * The promise: on SQLite the next chunk's commit is sent before the last one is answered, and the result is the same as without
 * that.
 */
import { setImmediate } from "node:timers/promises";
import type { ChunkCommit } from "../../../services/batch/batch.writes.domain.ts";
import { Validators } from "../../../services/batchProcessor/batchProcessor.validators.ts";
import { call } from "../../../services/messages.ts";
import { until } from "../../helpers/patience.ts";
import { calls, ended, get, post, startWorker, status, storeOf, system } from "./batchProcessor.kit.ts";

startWorker();

/** On other databases commits have no order of their own, so each waits for the one before it. */
const whereOrderIsKept = ["postgres", "mssql"].includes(process.env.TEST_DATABASE ?? "") ? test.skip : test;

/** Commits of chunks, which the test releases one by one. */
function heldCommits() {
  const store = storeOf();
  const { commitChunk } = store;
  const held: { commit: ChunkCommit; go(): void }[] = [];
  jest.spyOn(store, "commitChunk").mockImplementation((commit) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    held.push({ commit, go: resolve });
    return promise.then(() => commitChunk(commit));
  });
  return held;
}

const chunksOf = (held: { commit: ChunkCommit }[]) => held.map(({ commit }) => commit.chunk);
const stored = { handler: "store", chunkRecords: 1 };
const body = '{"n":1}\n{"n":2}\n{"n":3}\n';

whereOrderIsKept("one commit is sent ahead, and no more; the last event has the counts of all", async () => {
  const held = heldCommits();
  const schema = { properties: { n: { maximum: 2 } } };
  const batch = await post({ ...stored, schema }, '{"n":1}\n{"n":3}\n{"n":2}\n');
  await until(() => held.length === 2);
  await setImmediate();
  expect([chunksOf(held), (await get(batch)).nextChunk]).toEqual([[0, 1], 0]);
  held[0]?.go();
  await until(() => held.length === 3);
  held[1]?.go();
  held[2]?.go();
  const { state, accepted, rejected, version } = await ended(batch);
  expect([state, accepted, rejected]).toEqual(["completed_with_errors", 2, 1]);
  const [event] = held[2]?.commit.end?.events ?? [];
  expect(JSON.parse(event?.body ?? "{}").data).toMatchObject({ version, counts: { received: 3, accepted, rejected } });
});

const long = (n: number) => `{"n":"${`${n}`.repeat(3 * 1024 * 1024)}"}\n`;

test.each<[string, object, string?]>([
  ["keys, of which only the commit tells how many count", { handler: "store", uniqueKey: "n" }],
  ["a handler, which is given nothing of a batch that may be lost", {}],
  ["long records, of which each costs much memory", { ...stored, maxRecordBytes: 4e6 }, long(1) + long(2) + long(3)],
])("none is sent ahead with %s", async (_name, policy, sent = body) => {
  const held = heldCommits();
  const checks = jest.spyOn(Validators.prototype, "of").mock.calls;
  const batch = await post({ chunkRecords: 1, ...policy }, sent);
  await until(() => held.length > 0 && checks.length > 1);
  const given = calls.length;
  for (let round = 0; round < 20; round++) await setImmediate();
  expect([held.length, calls.length]).toEqual([1, given]);
  for (let done = 0; (await get(batch)).state !== "completed"; ) if (held[done]) held[done++]?.go();
});

whereOrderIsKept("a batch that is cancelled meanwhile gets neither of two pending commits", async () => {
  const held = heldCommits();
  const batch = await post(stored, body);
  await until(() => held.length === 2);
  await call(system.broker, "batch.cancel", { publicId: batch.publicId });
  for (const { go } of held) go();
  await until(async () => (await status()).running.length === 0);
  expect(chunksOf(held)).toEqual([0, 1]);
  expect(await storeOf().records(batch.id, 0, 10, 1e6)).toEqual([]);
});

test("a failing run ends after its pending commit, so the next run goes on behind it", async () => {
  jest.spyOn(storeOf(), "readChunk").mockRejectedValueOnce(new Error("wrong"));
  const held = heldCommits();
  const batch = await post(stored, body);
  await until(() => held.length === 1);
  for (let round = 0; round < 20; round++) await setImmediate();
  held[0]?.go();
  for (let done = 1; (await get(batch)).state !== "completed"; ) if (held[done]) held[done++]?.go();
  expect(chunksOf(held)).toEqual([0, 1, 2]);
});

test("a failed commit is an attempt at its chunk, and the last attempt ends the batch", async () => {
  const store = storeOf();
  const { commitChunk } = store;
  jest
    .spyOn(store, "commitChunk")
    .mockImplementation((commit) => (commit.chunk === 1 ? Promise.reject(new Error("wrong")) : commitChunk(commit)));
  const { state, nextChunk, accepted, attemptsTotal } = await ended(await post({ ...stored, maxAttempts: 2 }, body));
  expect([state, nextChunk, accepted, attemptsTotal]).toEqual(["failed", 1, 1, 2]);
});

test("a commit is sent before the next chunk is checked", async () => {
  const order: string[] = [];
  const store = storeOf();
  const { commitChunk } = store;
  jest.spyOn(store, "commitChunk").mockImplementation((commit) => {
    order.push("commit");
    return commitChunk(commit);
  });
  const { of } = Validators.prototype;
  jest.spyOn(Validators.prototype, "of").mockImplementation(function (this: Validators, ...given) {
    order.push("check");
    return of.apply(this, given);
  });
  await ended(await post(stored, body));
  expect(order).toEqual(["check", "commit", "check", "commit", "check", "commit"]);
});

test("each chunk is read only once", async () => {
  const read = jest.spyOn(storeOf(), "readChunk");
  await ended(await post(stored, body));
  expect(read.mock.calls.map(([, no]) => no)).toEqual([1, 2]);
});
