/** A dataset with `order: "fifo"`: batches of a client are worked one after another, in the order of their commits. */

import { actors } from "../../../services/actors.ts";
import type { Sweeper } from "../../../services/batch/batch.sweep.ts";
import type { HandlerCall } from "../../../services/batchProcessor/batchProcessor.contract.ts";
import { accepted, admin, type Batch, batchWhen, get, newClient, type TestClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { type System, startSystem } from "../../helpers/system.ts";
import { ended, handler, hasStatus, row, rows, select, storeOf } from "./kit.ts";

let system: System;
/** What the handler answers for a batch: by its first record's `n`. A promise holds the batch. */
const answers = new Map<number, () => unknown>();
const work = handler("work", ({ records: [first] }: HandlerCall) => answers.get(first?.data.n as number)?.() ?? null);

beforeAll(async () => {
  // The sweep comes when a test calls it: nothing else may wait for it.
  const env = { SWEEP_INTERVAL: "1h", POLL_INTERVAL: "50ms", WORKER_CONCURRENCY: "4" };
  system = await startSystem({ env, extra: [work.schema] });
});
afterEach(() => jest.restoreAllMocks());
afterAll(() => system.stop());

const sweep = () => (system.broker.getLocalService("batch") as unknown as { sweeper: Sweeper }).sweeper.run();

const inOrder = (policy: object = {}) => newClient(system.url, { handler: "work.run", order: "fifo", ...policy });

/** A batch whose handler answers so. Each has its own number. */
let last = 0;
async function sent(client: TestClient, answer?: () => unknown): Promise<Batch> {
  const n = ++last;
  if (answer) answers.set(n, answer);
  return accepted(system.url, client, JSON.stringify({ n }));
}
const failing = () => ({ outcome: "fail", reason: "not today" });

/** The answer comes when it is released. */
function hanging() {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  return { answer: () => promise, release: () => resolve(null) };
}

const seen = async (client: TestClient, id: string) => (await get(system.url, client, `/imports/${id}`)).json();
const when = (client: TestClient, id: string, ...statuses: string[]) =>
  batchWhen(system.url, client, id, hasStatus(...statuses));
const asked = (id: string, action: string) => admin(system.url, `/batches/${id}/${action}`, { method: "POST" });
const behind = (batch: { id: string }) => ({ status: "held", hold: { reason: "order", batchId: batch.id } });
const codeOf = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code];
/** The batches in the order in which the handler got them. */
const worked = (...batches: Batch[]) => {
  const ids = batches.map(({ id }) => id);
  return work.calls.map(({ batchId }) => batchId).filter((id) => ids.includes(id));
};

test("a batch waits for those in front, which wait for nobody; each goes on at the end of the one before", async () => {
  const client = await inOrder();
  const gate = hanging();
  const one = await sent(client, gate.answer);
  const [two, three] = [await sent(client), await sent(client)];
  expect(one).toMatchObject({ status: "ready", hold: null });
  expect(two).toMatchObject(behind(one));
  expect(three).toMatchObject({ ...behind(one), readyAt: null });
  expect(two.hold).toEqual({ reason: "order", batchId: one.id });
  await until(() => worked(one).length === 1);
  expect(await seen(client, three.id)).toMatchObject(behind(one));
  gate.release();
  for (const { id } of [one, two, three])
    expect(await ended(system, client, id)).toMatchObject({ status: "completed" });
  expect(worked(one, two, three)).toEqual([one.id, two.id, three.id]);
  await until(async () => (await select(system, "SELECT 1 FROM order_place")).length === 0);
});

test("other clients, other datasets and batches without an order wait for nobody", async () => {
  const gate = hanging();
  const [client, other] = [await inOrder(), await inOrder()];
  await sent(client, gate.answer);
  expect((await ended(system, other, (await sent(other)).id)).status).toBe("completed");
  const dataset = JSON.stringify({ handler: "work.run", order: "fifo" });
  await admin(system.url, "/datasets/in-order", { method: "PUT", body: dataset });
  await admin(system.url, `/clients/${client.id}/datasets/in-order`, { method: "PUT", body: "{}" });
  const posted = await fetch(`${system.url}/datasets/in-order/imports`, {
    method: "POST",
    headers: { authorization: client.auth, "content-type": "application/x-ndjson" },
    body: '{"n":0}',
  });
  expect((await ended(system, client, ((await posted.json()) as Batch).id)).status).toBe("completed");
  await admin(system.url, `/clients/${client.id}/policy`, { method: "PATCH", body: '{"order":null}' });
  expect((await ended(system, client, (await sent(client)).id)).status).toBe("completed");
  gate.release();
});

test("a failed batch keeps the others held; driven again it is still the first", async () => {
  const client = await inOrder();
  let fails = true;
  const one = await sent(client, () => (fails ? failing() : null));
  const two = await sent(client);
  await when(client, one.id, "failed");
  const three = await sent(client);
  for (const { id } of [two, three]) expect(await seen(client, id)).toMatchObject(behind(one));
  fails = false;
  const redriven = await asked(one.id, "redrive");
  expect([redriven.status, ((await redriven.json()) as Batch).status]).toEqual([200, "ready"]);
  await ended(system, client, three.id);
  expect(worked(one, two, three)).toEqual([one.id, one.id, two.id, three.id]);
});

test("a batch that waits for a retry keeps the others held", async () => {
  const client = await inOrder({ backoff: { type: "fixed", delayMs: 300 } });
  let tries = 0;
  const one = await sent(client, () => (++tries < 3 ? { outcome: "retry", reason: "again" } : null));
  const two = await sent(client);
  expect(await ended(system, client, two.id)).toMatchObject({ status: "completed" });
  expect(worked(one, two)).toEqual([one.id, one.id, one.id, two.id]);
});

test("a skipped batch lets the others go; driven again it comes last", async () => {
  const client = await inOrder();
  const gate = hanging();
  let fails = true;
  const one = await sent(client, () => (fails ? failing() : null));
  await when(client, one.id, "failed");
  const two = await sent(client, gate.answer);
  expect(two).toMatchObject(behind(one));
  const skipped = await asked(one.id, "skip");
  expect([skipped.status, await skipped.json()]).toMatchObject([200, { id: one.id, status: "failed" }]);
  await until(() => worked(two).length === 1);
  expect((await asked(one.id, "skip")).status).toBe(200);
  const three = await sent(client);
  fails = false;
  const redriven = await asked(one.id, "redrive");
  expect([redriven.status, await redriven.json()]).toMatchObject([200, behind(two)]);
  expect(await seen(client, three.id)).toMatchObject(behind(two));
  gate.release();
  expect(await ended(system, client, one.id)).toMatchObject({ status: "completed", attempts: 2 });
  expect(worked(one, two, three)).toEqual([one.id, two.id, three.id, one.id]);
});

test("a skipped batch goes on at once where nobody is in front", async () => {
  const client = await inOrder();
  let fails = true;
  const one = await sent(client, () => (fails ? failing() : null));
  await when(client, one.id, "failed");
  await asked(one.id, "skip");
  fails = false;
  expect(await (await asked(one.id, "redrive")).json()).toMatchObject({ id: one.id, hold: null });
  expect(await ended(system, client, one.id)).toMatchObject({ status: "completed", attempts: 2 });
});

test("one that waits for its order alone is skipped to the end of the line", async () => {
  const client = await inOrder();
  const gate = hanging();
  const one = await sent(client, gate.answer);
  const [two, three] = [await sent(client), await sent(client)];
  expect(await (await asked(two.id, "skip")).json()).toMatchObject({ id: two.id, ...behind(one) });
  gate.release();
  await ended(system, client, two.id);
  expect(worked(one, two, three)).toEqual([one.id, three.id, two.id]);
});

test("a batch that waits for approval keeps the others held, and may be approved, rejected, cancelled or skipped", async () => {
  const client = await inOrder({ requiresApproval: true });
  const held = { status: "held", hold: { reason: "approval", until: null } };
  const batches = [];
  for (let n = 0; n < 5; n++) batches.push(await sent(client));
  const [one, two, three, four, five] = batches as [Batch, Batch, Batch, Batch, Batch];
  expect(batches).toMatchObject(Array(5).fill(held));
  // Whoever is approved behind another waits for it.
  expect(await (await asked(five.id, "approve")).json()).toMatchObject(behind(one));
  expect(await codeOf(await asked(five.id, "approve"))).toEqual([409, "illegal-state"]);
  expect((await asked(two.id, "approve")).status).toBe(200);
  expect(await (await asked(one.id, "approve")).json()).toMatchObject({ status: "ready" });
  await ended(system, client, two.id);
  expect(await seen(client, five.id)).toMatchObject(behind(three));
  expect((await asked(three.id, "reject")).status).toBe(200);
  await until(async () => ((await seen(client, five.id)) as Batch).hold?.batchId === four.id);
  expect(await (await asked(four.id, "skip")).json()).toMatchObject(held);
  await ended(system, client, five.id);
  expect(await (await asked(four.id, "approve")).json()).toMatchObject({ id: four.id, hold: null });
  await ended(system, client, four.id);
  expect(worked(...batches)).toEqual([one.id, two.id, five.id, four.id]);
});

test("whoever is cancelled is waited for no longer, whether it runs, waits or has failed before", async () => {
  const client = await inOrder();
  const gate = hanging();
  const one = await sent(client, gate.answer);
  const [two, three] = [await sent(client), await sent(client)];
  await until(() => worked(one).length === 1);
  const cancel = (id: string) =>
    fetch(`${system.url}/imports/${id}/cancel`, { method: "POST", headers: { authorization: client.auth } });
  expect((await cancel(two.id)).status).toBe(200);
  expect((await cancel(one.id)).status).toBe(200);
  expect((await ended(system, client, three.id)).status).toBe("completed");
  gate.release();
  expect(worked(two, three)).toEqual([three.id]);
});

test("a window that closed while a batch waited in line holds it, unless an operator has approved it", async () => {
  const closed = () => {
    const hour = (new Date().getUTCHours() + 12) % 24;
    const clock = (of: number) => `${String(of % 24).padStart(2, "0")}:00`;
    return { from: clock(hour), to: clock(hour + 1), timeZone: "UTC" };
  };
  const client = await inOrder({ window: closed() });
  const [one, two, three] = [await sent(client), await sent(client), await sent(client)];
  expect(one).toMatchObject({ status: "held", hold: { reason: "window" } });
  expect(await (await asked(three.id, "approve")).json()).toMatchObject(behind(one));
  // As if it had come in while the window was open.
  const { id } = await row(system, two.id);
  const reason = JSON.stringify({ hold: "order", batchId: one.id });
  await select(system, `UPDATE batch SET reason = '${reason}', due_at = NULL WHERE id = ${id}`);
  await asked(one.id, "approve");
  await ended(system, client, one.id);
  await until(async () => ((await seen(client, two.id)) as Batch).hold?.reason === "window");
  await asked(two.id, "approve");
  await ended(system, client, three.id);
  expect(worked(one, two, three)).toEqual([one.id, two.id, three.id]);
});

test("a failed batch that retention deletes is waited for no longer", async () => {
  const client = await inOrder();
  const one = await sent(client, failing);
  await when(client, one.id, "failed");
  const two = await sent(client);
  const { id } = await row(system, one.id);
  await select(system, `UPDATE batch SET due_at = 1 WHERE id = ${id}`);
  await actors.retention.wake(system.broker, {});
  await until(async () => (await get(system.url, client, `/imports/${one.id}`)).status === 404);
  expect(await seen(client, two.id)).toMatchObject({ status: "held" });
  await sweep();
  expect((await ended(system, client, two.id)).status).toBe("completed");
});

test("the rejected records of a batch come last", async () => {
  const schema = { properties: { n: { type: "integer" } } };
  const client = await inOrder({ schema });
  const one = await accepted(system.url, client, '{"n":"a"}\n{"n":0}');
  await ended(system, client, one.id);
  const gate = hanging();
  const [two, three] = [await sent(client, gate.answer), await sent(client)];
  const answer = await fetch(`${system.url}/imports/${one.id}/retry?only=rejected`, {
    method: "POST",
    headers: { authorization: client.auth },
  });
  const child = (await answer.json()) as Batch;
  expect([answer.status, child]).toMatchObject([202, { retryOf: one.id, ...behind(two) }]);
  gate.release();
  await ended(system, client, child.id);
  expect(worked(two, three)).toEqual([two.id, three.id]);
});

test("an upload of several chunks, with a key and a quota, is in line like any other, and answered the same again", async () => {
  const client = await inOrder({ recordsPerDay: 1_000, chunkRecords: 2, dedup: "reject" });
  const gate = hanging();
  const one = await sent(client, gate.answer);
  const post = () =>
    fetch(`${system.url}/imports`, {
      method: "POST",
      headers: { authorization: client.auth, "content-type": "application/x-ndjson", "idempotency-key": "k1" },
      body: rows(9),
    });
  const two = (await (await post()).json()) as Batch;
  expect(two).toMatchObject(behind(one));
  const again = await post();
  expect([again.headers.get("idempotent-replayed"), await again.json()]).toEqual(["true", two]);
  gate.release();
  expect((await ended(system, client, two.id)).status).toBe("completed");
  expect(await (await post()).json()).toEqual(two);
});

test("the tag of a held batch tells of the batch in front, and lists show it too", async () => {
  const client = await inOrder();
  const gates = [hanging(), hanging()];
  const [one, two] = [await sent(client, gates[0]?.answer), await sent(client, gates[1]?.answer)];
  const three = await sent(client);
  const before = await get(system.url, client, `/imports/${three.id}`);
  const tag = before.headers.get("etag") ?? "";
  const known = () => get(system.url, client, `/imports/${three.id}`, { "if-none-match": tag });
  expect((await known()).status).toBe(304);
  gates[0]?.release();
  await ended(system, client, one.id);
  await when(client, two.id, "ready", "processing");
  expect((await known()).status).toBe(200);
  const list = (await (await get(system.url, client, "/imports?status=held")).json()) as { items: Batch[] };
  expect(list.items).toMatchObject([{ id: three.id, ...behind(two) }]);
  gates[1]?.release();
  await ended(system, client, three.id);
});

test("only a failed or held batch of a dataset with an order is skipped", async () => {
  const client = await inOrder();
  const done = await sent(client);
  await ended(system, client, done.id);
  expect(await codeOf(await asked(done.id, "skip"))).toEqual([409, "illegal-state"]);
  const free = await newClient(system.url, { handler: "work.run" });
  const failed = await sent(free, failing);
  await when(free, failed.id, "failed");
  const answer = await asked(failed.id, "skip");
  expect([answer.status, await answer.json()]).toMatchObject([
    409,
    { code: "illegal-state", current: "failed", detail: expect.stringContaining('"order": "none"') },
  ]);
  expect((await asked("0193b2f0-7a10-7c3e-9a53-2f6d1c9be001", "skip")).status).toBe(404);
});

test("what a node that died has left is moved on by the sweep, also several ends of one client", async () => {
  const client = await inOrder();
  const ids = [];
  for (let n = 0; n < 3; n++) {
    const { id } = await sent(client, failing);
    ids.push((await row(system, id)).id);
    if (n === 0) await when(client, id, "failed");
  }
  const last = await sent(client);
  // Their ends are written, and nobody has told of them.
  await select(system, `UPDATE batch SET state = 'cancelled' WHERE id IN (${ids.join()})`);
  await sweep();
  expect((await ended(system, client, last.id)).status).toBe("completed");
  await until(async () => (await select(system, "SELECT 1 FROM order_place")).length === 0);
});

test("the one in front ends while a batch is committed behind it: it goes on", async () => {
  const client = await inOrder({ requiresApproval: true });
  const one = await sent(client);
  const store = storeOf(system);
  const { laneState } = store;
  await admin(system.url, `/clients/${client.id}/policy`, { method: "PATCH", body: '{"requiresApproval":null}' });
  jest.spyOn(store, "laneState").mockImplementationOnce(async (lane) => {
    const state = await laneState(lane);
    await asked(one.id, "reject");
    return state;
  });
  const two = await sent(client);
  expect(two).toMatchObject(behind(one));
  expect((await ended(system, client, two.id)).status).toBe("completed");
});

test("another batch enters the lane while one is committed as the first: that one is held behind it", async () => {
  const client = await inOrder();
  const store = storeOf(system);
  const { laneState } = store;
  const gate = hanging();
  let one: Batch | undefined;
  jest.spyOn(store, "laneState").mockImplementationOnce(async (lane) => {
    const state = await laneState(lane);
    one = await sent(client, gate.answer);
    return state;
  });
  const two = await sent(client);
  expect(two).toMatchObject(behind(one as Batch));
  gate.release();
  await ended(system, client, two.id);
  expect(worked(one as Batch, two)).toEqual([one?.id, two.id]);
});

test("the one in front ends while a batch is approved behind it: it goes on", async () => {
  const client = await inOrder({ requiresApproval: true });
  const [one, two] = [await sent(client), await sent(client)];
  const store = storeOf(system);
  const { fronts } = store;
  jest.spyOn(store, "fronts").mockImplementationOnce(async (ids) => {
    const found = await fronts(ids);
    await asked(one.id, "reject");
    return found;
  });
  expect((await asked(two.id, "approve")).status).toBe(200);
  expect((await ended(system, client, two.id)).status).toBe("completed");
});

test("small batches that are stored go on one after another, also those that are worked in a group with others' batches", async () => {
  const clients = await Promise.all(Array.from({ length: 12 }, () => newClient(system.url, { order: "fifo" })));
  const sending = clients.map((client) =>
    Promise.all(Array.from({ length: 4 }, () => accepted(system.url, client, rows(1)))),
  );
  for (const [n, client] of clients.entries()) {
    const batches = (await sending[n]) as Batch[];
    const done = await Promise.all(batches.map(({ id }) => ended(system, client, id)));
    const times = done
      .map(({ startedAt, finishedAt }) => [startedAt, finishedAt] as [string, string])
      .sort(([a], [b]) => a.localeCompare(b));
    expect(times.filter(([began], at) => at > 0 && began < (times[at - 1]?.[1] as string))).toEqual([]);
  }
});
