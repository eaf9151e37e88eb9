/**
 * The promise: no client waits for another's backlog. Turns follow the weights, caps are exact, and a long batch makes room at a
 * checkpoint.
 */
import { randomBytes } from "node:crypto";
import { DatabaseUnavailable } from "../../../database/errors.ts";
import type { HandlerCall } from "../../../services/batchProcessor/batchProcessor.contract.ts";
import { accepted, admin, newClient, type TestClient } from "../../helpers/http.ts";
import { testOnce } from "../../helpers/once.ts";
import { until } from "../../helpers/patience.ts";
import { quick, type System, startSystem } from "../../helpers/system.ts";
import { ended, handler, hanging, row, rows, select, storeOf } from "./kit.ts";

let system: System;
afterEach(() => system.stop());

const start = async (env: Record<string, string>, ...told: { schema: ReturnType<typeof handler>["schema"] }[]) => {
  const extra = told.map(({ schema }) => schema);
  system = await startSystem({ env: { ...quick, ...env }, extra });
};

const postMany = async (client: TestClient, count: number) => {
  const batches = await Promise.all(Array.from({ length: count }, () => accepted(system.url, client, rows(1))));
  return batches.map(({ id }) => id);
};

const clientsOf = (calls: HandlerCall[]) => calls.map(({ clientId }) => clientId);

test("30 batches of one client do not delay the single batch of another", async () => {
  const work = hanging("work");
  await start({ WORKER_CONCURRENCY: "1" }, work);
  const many = await newClient(system.url, { handler: "work.run", maxConcurrentUploads: 100 });
  const single = await newClient(system.url, { handler: "work.run" });
  const backlog = await postMany(many, 30);
  await until(() => work.calls.length === 1);
  const [id] = await postMany(single, 1);
  work.release();
  await ended(system, single, id as string);
  const place = clientsOf(work.calls).indexOf(single.id);
  expect(place).toBeGreaterThan(0);
  expect(place).toBeLessThanOrEqual(2);
  for (const one of backlog) expect(await ended(system, many, one)).toMatchObject({ status: "completed", attempts: 1 });
  expect(work.calls).toHaveLength(31);
});

testOnce("a long batch makes room at a checkpoint, without counting an attempt", async () => {
  const chunks = 300;
  const work = handler("work", () => new Promise((resolve) => setTimeout(resolve, 5)));
  await start({ WORKER_CONCURRENCY: "1", BATCH_SLICE: "50ms" }, work);
  const policy = { handler: "work.run", chunkRecords: 10, maxAttempts: 1 };
  const long = await newClient(system.url, policy);
  const short = await newClient(system.url, policy);
  // A client that has used much before waits no longer than a slice either.
  for (const id of await postMany(short, 5)) await ended(system, short, id);
  const { id: longId } = await accepted(system.url, long, rows(chunks * 10));
  for (let turn = 1; turn <= 3; turn++) {
    await until(() => work.of(longId).length > turn * 20);
    const { id } = await accepted(system.url, short, rows(1));
    const answered = work.calls.length;
    await ended(system, short, id);
    const place = work.calls.findIndex(({ batchId }) => batchId === id);
    // Two slices of 50 ms are some 20 chunks. The whole remaining batch would be more than 200.
    expect(place - answered).toBeLessThan(40);
  }
  const fences = new Set(work.of(longId).map(({ fence }) => fence));
  expect(fences.size).toBeGreaterThanOrEqual(3);
  expect(await ended(system, long, longId)).toMatchObject({
    status: "completed",
    attempts: 1,
    counts: { received: chunks * 10, accepted: chunks * 10 },
  });
  expect(work.of(longId).map(({ chunk }) => chunk)).toEqual(Array.from({ length: chunks }, (_, no) => no));
  expect((await row(system, longId)).attempt).toBe(1);
});

testOnce("a long batch goes on through its slices while nobody else waits", async () => {
  const work = handler("work", () => null);
  await start({ WORKER_CONCURRENCY: "1", BATCH_SLICE: "0s" }, work);
  const client = await newClient(system.url, { handler: "work.run", chunkRecords: 1 });
  const { id } = await accepted(system.url, client, rows(30));
  await ended(system, client, id);
  expect(new Set(work.calls.map(({ fence }) => fence)).size).toBe(1);
});

test("clients get slots by their weight", async () => {
  const work = hanging("work");
  await start({ WORKER_CONCURRENCY: "1" }, work);
  const policy = { handler: "work.run", maxConcurrentBatches: 5, maxConcurrentUploads: 100 };
  const heavy = await newClient(system.url, { ...policy, weight: 3 });
  const light = await newClient(system.url, { ...policy, weight: 1 });
  const both = [...(await postMany(light, 24)), ...(await postMany(heavy, 24))];
  work.release();
  await until(() => work.calls.length === both.length);
  const turns = clientsOf(work.calls)
    .slice(1, 25)
    .filter((client) => client === heavy.id).length;
  expect(Math.abs(turns - 18)).toBeLessThanOrEqual(2);
});

test("caps are exact: reached, and never exceeded", async () => {
  const caps = [1, 2, 3];
  const running = new Map<string, number>();
  const most = new Map<string, number>();
  const full = Promise.withResolvers<void>();
  const work = handler("work", async ({ clientId }) => {
    const now = (running.get(clientId) ?? 0) + 1;
    running.set(clientId, now);
    most.set(clientId, Math.max(most.get(clientId) ?? 0, now));
    await full.promise;
    await new Promise((resolve) => setTimeout(resolve, 2));
    running.set(clientId, (running.get(clientId) ?? 0) - 1);
  });
  await start({ WORKER_CONCURRENCY: "8" }, work);
  const clients = await Promise.all(
    caps.map((cap) => newClient(system.url, { handler: "work.run", maxConcurrentBatches: cap })),
  );
  const ids = await Promise.all(clients.map((client) => postMany(client, 8)));
  await until(() => clients.every(({ id }, i) => running.get(id) === caps[i]));
  full.resolve();
  await Promise.all(clients.flatMap((client, i) => (ids[i] ?? []).map((id) => ended(system, client, id))));
  expect(clients.map(({ id }) => most.get(id))).toEqual(caps);
});

testOnce("no more batches run than the worker has slots", async () => {
  const work = hanging("work");
  await start({ WORKER_CONCURRENCY: "3" }, work);
  const clients = await Promise.all(Array.from({ length: 5 }, () => newClient(system.url, { handler: "work.run" })));
  const ids = await Promise.all(clients.map((client) => postMany(client, 1)));
  await until(() => work.calls.length === 3);
  const states = await Promise.all(ids.map(async ([id]) => (await row(system, id as string)).state));
  expect(states.filter((state) => state === "processing")).toHaveLength(3);
  expect(new Set(clientsOf(work.calls)).size).toBe(3);
  work.release();
  await Promise.all(clients.map((client, i) => ended(system, client, ids[i]?.[0] as string)));
});

test("a raised cap lets waiting batches start at once", async () => {
  const work = hanging("work");
  await start({ WORKER_CONCURRENCY: "4", POLL_INTERVAL: "10s" }, work);
  const client = await newClient(system.url, { handler: "work.run", maxConcurrentBatches: 1 });
  await postMany(client, 3);
  await until(() => work.calls.length === 1);
  const document = JSON.stringify({ maxConcurrentBatches: 3 });
  expect((await admin(system.url, `/clients/${client.id}/policy`, { method: "PATCH", body: document })).status).toBe(
    200,
  );
  await until(() => work.calls.length === 3);
  work.release();
});

test("a raised cap takes effect even if the node died before it updated the queue", async () => {
  const work = hanging("work");
  await start({ WORKER_CONCURRENCY: "4", POLL_INTERVAL: "10s", SWEEP_INTERVAL: "100ms" }, work);
  const client = await newClient(system.url, { handler: "work.run", maxConcurrentBatches: 1 });
  await postMany(client, 3);
  await until(() => work.calls.length === 1);
  jest.spyOn(storeOf(system), "setQueue").mockRejectedValueOnce(new DatabaseUnavailable("away"));
  const document = JSON.stringify({ maxConcurrentBatches: 3 });
  const changed = await admin(system.url, `/clients/${client.id}/policy`, { method: "PATCH", body: document });
  expect(changed.status).toBe(503);
  await select(system, "UPDATE outbox SET due_at = due_at - 5000 WHERE topic = 'policy.changed'");
  await until(() => work.calls.length === 3);
  work.release();
});

test.each([1, 9])("an upload that began under a cap of %i does not restore it after a change", async (cap) => {
  const work = hanging("work");
  await start({ WORKER_CONCURRENCY: "1" }, work);
  const client = await newClient(system.url, { handler: "work.run", chunkRecords: 1, maxConcurrentBatches: cap });
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const body = writable.getWriter();
  const upload = accepted(system.url, client, readable);
  const records = Array.from({ length: 40 }, () => `{"text":"${randomBytes(100_000).toString("hex")}"}\n`);
  const sent = body.write(new TextEncoder().encode(records.join("")));
  await until(async () => (await select(system, "SELECT 1 FROM batch WHERE state = 'receiving'")).length === 1);
  const document = JSON.stringify({ maxConcurrentBatches: 5, weight: 7 });
  const changed = await admin(system.url, `/clients/${client.id}/policy`, { method: "PATCH", body: document });
  expect(changed.status).toBe(200);
  await Promise.all([sent, body.close(), upload]);
  expect(await select(system, "SELECT cap, weight FROM client_queue")).toEqual([{ cap: 5, weight: 7 }]);
  work.release();
});
