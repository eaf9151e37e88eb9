/** A dataset with `order: "fifo"`: batches of a client run one after another, in the order of their commits. */
import { actors } from "../../../services/actors.ts";
import { accepted, admin, type Batch, get, newClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { ended, row, rows, select } from "./kit.ts";
import {
  asked,
  behind,
  failing,
  hanging,
  inOrder,
  seen,
  sent,
  startOrdered,
  sweep,
  system,
  when,
  worked,
} from "./order.kit.ts";
import { operatorsMoveTheLine } from "./order.operators.suite.ts";
import { nothingIsLeftBehind } from "./order.races.suite.ts";

startOrdered();

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

test("a failed batch keeps the others held, and is still the first after a redrive", async () => {
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

test("no batch waits for a failed one that retention has deleted", async () => {
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

test("the ETag of a held batch depends on the batch in front, and lists show that batch too", async () => {
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

operatorsMoveTheLine();
nothingIsLeftBehind();
