/** The promise: small waiting batches are processed as a group, and each of them ends as it would alone. */
import { DatabaseUnavailable } from "../../../database/errors.ts";
import { accepted, get, lines, newClient, type TestClient } from "../../helpers/http.ts";
import { testOnce } from "../../helpers/once.ts";
import { until } from "../../helpers/patience.ts";
import { quick, type System, startSystem } from "../../helpers/system.ts";
import { ended, hanging, lostFences, row, rows, select, storeOf } from "./kit.ts";

const start = (env: Record<string, string> = {}) => startSystem({ env: { ...quick, ...env }, extra: [work.schema] });

const work = hanging("work");
let system: System;
/** The system of most tests, which have clients of their own. */
let shared: System;
beforeAll(async () => {
  shared = await start();
});
beforeEach(() => {
  system = shared;
});
afterEach(async () => {
  jest.restoreAllMocks();
  if (system !== shared) await system.stop();
});
afterAll(() => shared.stop());

const pause = () => system.broker.call("batchProcessor.pause");
const resume = () => system.broker.call("batchProcessor.resume");
const sent = async (client: TestClient, count: number, body = rows(2)) => {
  const all = [];
  for (let i = 0; i < count; i++) all.push((await accepted(system.url, client, body)).id);
  return all;
};
const running = () => select<{ running: number }>(system, "SELECT running FROM client_queue WHERE running <> 0");

test("a group is claimed in one unit and committed in one unit, also for clients with one slot", async () => {
  const [one, two] = [await newClient(system.url, { maxConcurrentBatches: 1 }), await newClient(system.url)];
  await pause();
  const ids = { one: await sent(one, 5), two: await sent(two, 4) };
  const claims = jest.spyOn(storeOf(system), "claimGroup");
  const commits = jest.spyOn(storeOf(system), "commitChunks");
  await resume();
  for (const id of ids.one) expect(await ended(system, one, id)).toMatchObject({ status: "completed", attempts: 1 });
  for (const id of ids.two) expect(await ended(system, two, id)).toMatchObject({ counts: { accepted: 2 } });
  expect(claims.mock.calls.map(([all]) => all.length)).toEqual([9]);
  expect(commits.mock.calls.map(([all]) => all.length)).toEqual([9]);
  await until(async () => (await running()).length === 0);
  for (const id of ids.one) expect(await lines(get(system.url, one, `/imports/${id}/records`))).toHaveLength(2);
});

test("if two batches of a group have the same unique key, the record of the first one is stored", async () => {
  const client = await newClient(system.url, { uniqueKey: ["n"] });
  await pause();
  const ids = [await sent(client, 1, rows(3)), await sent(client, 1, rows(4)), await sent(client, 1, rows(1))].flat();
  await resume();
  const counts = [];
  for (const id of ids) counts.push((await ended(system, client, id)).counts);
  expect(counts.map(({ accepted, duplicate }) => [accepted, duplicate])).toEqual([
    [3, 0],
    [1, 3],
    [0, 1],
  ]);
});

test("a batch that was taken away is left out of its group's commit, and the others are committed", async () => {
  const client = await newClient(system.url);
  await pause();
  const [first, taken, last] = (await sent(client, 3)) as [string, string, string];
  const store = storeOf(system);
  const commitChunks = store.commitChunks.bind(store);
  jest.spyOn(store, "commitChunks").mockImplementationOnce(async (commits) => {
    const { id, fence } = await row(system, taken);
    const move = { to: "ready", due: { inMs: 0 }, reason: null, attempt: "keep" } as const;
    await store.move({ id, fence, from: "processing", events: [], ...move });
    return commitChunks(commits);
  });
  await resume();
  for (const id of [first, last]) expect(await ended(system, client, id)).toMatchObject({ attempts: 1 });
  expect(await ended(system, client, taken)).toMatchObject({ status: "completed", counts: { accepted: 2 } });
  expect((await row(system, taken)).fence).toBeGreaterThan(2);
  await until(async () => (await running()).length === 0);
});

test("batches that are cancelled while their group commits stay so: each is a lost fence, and the others complete", async () => {
  const client = await newClient(system.url, { maxConcurrentBatches: 1, uniqueKey: ["n"] });
  await pause();
  const ids = [];
  for (let n = 1; n <= 5; n++) ids.push(...(await sent(client, 1, `{"n":1}\n{"n":${n}0}`)));
  const [first, second, third, fourth, last] = ids as [string, string, string, string, string];
  const store = storeOf(system);
  const commitChunks = store.commitChunks.bind(store);
  jest.spyOn(store, "commitChunks").mockImplementationOnce(async (commits) => {
    // The first batch holds the client's place. The third one is the next but one to get it.
    for (const publicId of [first, third]) await system.broker.call("batch.cancel", { publicId });
    return commitChunks(commits);
  });
  const lost = await lostFences(system);
  await resume();
  for (const id of [first, third]) expect(await ended(system, client, id)).toMatchObject({ status: "cancelled" });
  const counts = [];
  for (const id of [second, fourth, last]) counts.push((await ended(system, client, id)).counts);
  expect(counts.map(({ accepted, duplicate }) => [accepted, duplicate])).toEqual([
    [2, 0],
    [1, 1],
    [1, 1],
  ]);
  await until(async () => (await running()).length === 0);
  expect(await select(system, "SELECT batch_id FROM batch_work")).toEqual([]);
  expect(await lostFences(system)).toEqual({ commit: lost.commit + 2, giveUp: lost.giveUp });
});

test("a group whose commit does not reach the database is handed back, each goes on alone, and it is no attempt", async () => {
  system = await start({ BATCH_LEASE: "1s", LOG_LEVEL: "fatal" });
  const client = await newClient(system.url, { maxConcurrentBatches: 1, maxAttempts: 1 });
  await pause();
  const ids = await sent(client, 3);
  const away = new DatabaseUnavailable("away");
  const commits = jest.spyOn(storeOf(system), "commitChunks").mockRejectedValueOnce(away);
  await resume();
  for (const id of ids)
    expect(await ended(system, client, id)).toMatchObject({
      status: "completed",
      attempts: 1,
      counts: { accepted: 2 },
    });
  expect(commits).toHaveBeenCalledTimes(1);
  await until(async () => (await running()).length === 0);
  expect(await lostFences(system)).toMatchObject({ giveUp: 0 });
});

test("a batch with a custom handler is claimed alone, and delays nobody", async () => {
  const [own, stored] = [await newClient(system.url, { handler: "work.run" }), await newClient(system.url)];
  await pause();
  const ids = { own: await sent(own, 3), stored: await sent(stored, 3) };
  const claims = jest.spyOn(storeOf(system), "claimGroup");
  await resume();
  for (const id of ids.stored) await ended(system, stored, id);
  expect(claims.mock.calls.map(([all]) => all.length)).toEqual([3]);
  // The cap is exact.
  expect(work.calls).toHaveLength(2);
  work.release();
  for (const id of ids.own) expect(await ended(system, own, id)).toMatchObject({ status: "completed" });
});

test("rejected records are in the report of their own batch", async () => {
  const client = await newClient(system.url, { schema: { properties: { n: { maximum: 2 } } } });
  await pause();
  const ids = [await sent(client, 1, rows(2)), await sent(client, 1, rows(4)), await sent(client, 1, rows(3))].flat();
  await resume();
  const ends = [];
  for (const id of ids) ends.push(await ended(system, client, id));
  expect(ends.map(({ status, counts }) => [status, counts.rejected])).toEqual([
    ["completed", 0],
    ["completed_with_errors", 2],
    ["completed_with_errors", 1],
  ]);
  const report = await lines<{ record: number }>(get(system.url, client, `/imports/${ids[1]}/errors`));
  expect(report.map(({ record }) => record)).toEqual([3, 4]);
});

testOnce("a flood of small batches does not delay another client's large one", async () => {
  system = await start({ WORKER_CONCURRENCY: "1" });
  const [flood, other] = [await newClient(system.url), await newClient(system.url, { chunkRecords: 2 })];
  await pause();
  const small = await sent(flood, 80);
  const [large] = await sent(other, 1, rows(6));
  const order: string[] = [];
  const store = storeOf(system);
  const largeId = (await row(system, large as string)).id;
  const [claim, claimGroup] = [store.claim.bind(store), store.claimGroup.bind(store)];
  jest.spyOn(store, "claim").mockImplementation((id, ...given) => {
    if (id === largeId) order.push("large");
    return claim(id, ...given);
  });
  jest.spyOn(store, "claimGroup").mockImplementation((...given) => {
    order.push("group");
    return claimGroup(...given);
  });
  await resume();
  for (const id of small) await ended(system, flood, id);
  await ended(system, other, large as string);
  // The client's turn is the second one, because no client had a turn before.
  expect(order.slice(0, 2)).toEqual(["group", "large"]);
});

test("a batch that a worker had before runs alone, whatever happened to its group", async () => {
  const client = await newClient(system.url);
  await pause();
  const ids = (await sent(client, 3)) as [string, string, string];
  const store = storeOf(system);
  const { id } = await row(system, ids[1]);
  await store.claim(id, "dead", 0);
  await until(async () => (await row(system, ids[1])).state === "ready");
  const claims = jest.spyOn(store, "claimGroup");
  await resume();
  for (const one of ids) expect(await ended(system, client, one)).toMatchObject({ status: "completed" });
  expect(claims.mock.calls.map(([all]) => all.length)).toEqual([2]);
  expect(claims.mock.calls.flatMap(([all]) => all)).not.toContain(id);
});

test("a batch with too many errors fails, the others of its group complete, and a redrive runs it alone", async () => {
  const schema = { properties: { n: { maximum: 2 } } };
  const strict = await newClient(system.url, { schema, maxErrors: 1 });
  const [other, keyed] = [
    await newClient(system.url),
    await newClient(system.url, { uniqueKey: ["n"], maxErrors: 0, schema }),
  ];
  await pause();
  const [wrong] = await sent(strict, 1, rows(4));
  const [right] = await sent(strict, 1, rows(3));
  const [whole] = await sent(other, 1, rows(4));
  const [first] = await sent(keyed, 1, rows(3));
  const claims = jest.spyOn(storeOf(system), "claimGroup");
  await resume();
  const failed = { status: "failed", error: { code: "too-many-errors" } };
  expect(await ended(system, strict, wrong as string)).toMatchObject({
    ...failed,
    counts: { accepted: 2, rejected: 2 },
  });
  expect(await ended(system, strict, right as string)).toMatchObject({ status: "completed_with_errors" });
  expect(await ended(system, other, whole as string)).toMatchObject({ status: "completed", counts: { accepted: 4 } });
  expect(await ended(system, keyed, first as string)).toMatchObject({
    ...failed,
    counts: { accepted: 2, rejected: 1 },
  });
  expect(claims.mock.calls.map(([all]) => all.length)).toEqual([4]);
  await until(async () => (await running()).length === 0);
  expect(await select(system, "SELECT batch_id FROM batch_work")).toEqual([]);
  await system.broker.call("batch.redrive", { publicId: wrong });
  const again = await ended(system, strict, wrong as string);
  expect(again).toMatchObject({ counts: { received: 4, accepted: 2, rejected: 2 } });
  expect(await lines(get(system.url, strict, `/imports/${wrong}/records`))).toHaveLength(2);
});
