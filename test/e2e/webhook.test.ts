/** The promise: webhooks are signed, retried, never lost, and sent only to their receiver. */
import { Webhook } from "standardwebhooks";
import { accepted, admin, batchWhen, newClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import type { Received } from "../helpers/receiver.ts";
import {
  type Delivery,
  deliveries,
  deliveryWhen,
  json,
  patch,
  plainHmac,
  receiver,
  startWebhooks,
  subscribed,
  system,
} from "./webhook.kit.ts";

startWebhooks();

test("the end of a batch is sent: a CloudEvent, signed as Standard Webhooks says", async () => {
  const { url, got } = await receiver();
  const { client, secret } = await subscribed(url);
  const { id } = await accepted(system.url, client, '{"a":1}\n[]\n');
  const { id: deliveryId, attempts, ...delivery } = await deliveryWhen(id, "delivered");
  expect(delivery).toEqual({
    batchId: id,
    clientId: client.id,
    clientIdentifier: client.identifier,
    event: "batch.completed",
    status: "delivered",
    nextAt: null,
    createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
    url,
  });
  expect(attempts).toEqual([{ at: expect.any(String), status: 200, error: null, ms: expect.any(Number) }]);
  expect(deliveryId).not.toBe(id);
  const [told] = got as [Received];
  expect(got).toHaveLength(1);
  expect(told.event).toMatchObject({
    specversion: "1.0",
    type: "batch.completed",
    subject: id,
    data: { status: "completed_with_errors", counts: { received: 2, accepted: 1, rejected: 1 } },
  });
  expect(told.headers["webhook-id"]).toBe(told.event.id);
  expect(told.headers["content-type"]).toBe("application/cloudevents+json; charset=utf-8");
  expect(new Webhook(secret).verify(told.body, told.headers)).toEqual(told.event);
  expect(told.headers["webhook-signature"]).toBe(plainHmac(told, secret));
});

test("a webhook gets the events that its policy names, and no others", async () => {
  const { url, got } = await receiver();
  const { client } = await subscribed(url, ["batch.created", "batch.ready", "batch.completed"]);
  const silent = await newClient(system.url);
  const { id } = await accepted(system.url, client, '{"a":1}');
  const { id: untold } = await accepted(system.url, silent, '{"a":1}');
  await batchWhen(system.url, silent, untold);
  await until(() => got.length === 3, "three events");
  expect(got.map(({ event }) => event.type).sort()).toEqual(["batch.completed", "batch.created", "batch.ready"]);
  expect(new Set(got.map(({ event }) => event.subject))).toEqual(new Set([id]));
  expect(await deliveries(`batch=${untold}`)).toEqual([]);
});

test("a failed delivery is sent again with the same id; attempts are listed without the receiver's answer", async () => {
  const { url, got } = await receiver((number) => [500, 302, 200][number - 1]);
  const { client, secret } = await subscribed(url);
  const { id } = await accepted(system.url, client, '{"a":1}');
  const { attempts } = await deliveryWhen(id, "delivered");
  expect(attempts.map(({ status, error }) => [status, error])).toEqual([
    [500, "answered 500"],
    [302, "a redirect (302), which is not followed"],
    [200, null],
  ]);
  expect(new Set(got.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
  expect(new Set(got.map(({ body }) => body)).size).toBe(1);
  for (const told of got) expect(told.headers["webhook-signature"]).toBe(plainHmac(told, secret));
});

test("after the last try a delivery has failed; an operator can replay it", async () => {
  let isWell = false;
  const { url, got } = await receiver(() => (isWell ? 200 : 500));
  const { client } = await subscribed(url);
  const { id } = await accepted(system.url, client, '{"a":1}');
  const failed = await deliveryWhen(id, "failed");
  expect(failed).toMatchObject({ nextAt: null, attempts: [{ status: 500 }, { status: 500 }, { status: 500 }] });
  expect((await deliveries("status=failed")).map((one) => one.id)).toContain(failed.id);
  isWell = true;
  const replayed = await admin(system.url, `/deliveries/${failed.id}/replay`, { method: "POST" });
  expect(replayed.status).toBe(200);
  expect(await replayed.json()).toMatchObject({ id: failed.id, status: expect.stringMatching(/pending|delivered/) });
  const { attempts } = await deliveryWhen(id, "delivered");
  expect(attempts.map(({ status }) => status)).toEqual([500, 500, 500, 200]);
  expect(new Set(got.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
});

test("Retry-After of the receiver is respected", async () => {
  const { url, got } = await receiver((number, res) => {
    if (number > 1) return 200;
    res.writeHead(503, { "retry-after": "1" }).end();
  });
  const { client } = await subscribed(url);
  const { id } = await accepted(system.url, client, '{"a":1}');
  await deliveryWhen(id, "delivered");
  expect((got[1]?.at ?? 0) - (got[0]?.at ?? 0)).toBeGreaterThanOrEqual(990);
});

test("slow receivers do not delay other clients", async () => {
  const slow = await receiver(() => new Promise(() => {}));
  const quick = await receiver();
  const slowOnes = [];
  for (let i = 0; i < 3; i++) slowOnes.push((await subscribed(slow.url)).client);
  const { client } = await subscribed(quick.url);
  for (const one of slowOnes) for (let i = 0; i < 6; i++) await accepted(system.url, one, '{"a":1}');
  await until(() => slow.got.length >= 12, "the slow receivers hold their share");
  // Long before any of them gives up.
  const { id } = await accepted(system.url, client, '{"a":1}');
  await until(() => quick.got.some(({ event }) => event.subject === id), "the quick one is told", 10_000);
  expect(slow.got).toHaveLength(12);
});

test("a redriven batch sends its new end", async () => {
  const { url, got } = await receiver();
  const { client } = await subscribed(url);
  await patch(client, { onInvalid: "rejectBatch", retentionDays: 30 });
  const { id } = await accepted(system.url, client, "[]");
  await deliveryWhen(id, "delivered");
  await admin(system.url, `/batches/${id}/redrive`, { method: "POST" });
  await until(() => got.length === 2, "the second end is told");
  expect(got[0]?.event.id).not.toBe(got[1]?.event.id);
  expect(await deliveries(`batch=${id}`)).toHaveLength(1);
});

test("a long reason of a handler does not make the document large", async () => {
  const { url, got } = await receiver();
  const { client } = await subscribed(url);
  await patch(client, { requiresApproval: true });
  const { id } = await accepted(system.url, client, '{"a":1}');
  const reason = "\u0001".repeat(1_000);
  await admin(system.url, `/batches/${id}/reject`, { method: "POST", body: JSON.stringify({ reason }) });
  await until(() => got.length === 1, "the end is told");
  expect(Buffer.byteLength(got[0]?.body ?? "")).toBeLessThan(20_000);
  expect(got[0]?.event.data).toMatchObject({ status: "rejected", error: { code: "rejected-by-operator" } });
});

/** A client with deliveries that have failed, as many as it has events. */
async function failing(events = ["batch.created", "batch.completed"]) {
  let isWell = false;
  const { url, got } = await receiver(() => (isWell ? 200 : 500));
  const { client, secret } = await subscribed(`${url}?token=of-the-receiver`, events);
  const { id: batchId } = await accepted(system.url, client, '{"a":1}');
  const own = () => deliveries(`client=${client.identifier}`);
  await until(
    async () => (await own()).filter(({ status }) => status === "failed").length === events.length,
    "all have failed",
  );
  const mend = () => {
    isWell = true;
  };
  return { url, got, client, secret, batchId, own, mend };
}

test("a delivery shows what it sends; lists are by client, event and time", async () => {
  const { url, got, client, own } = await failing();
  const [completed, created] = await own();
  expect([completed?.event, created?.event]).toEqual(["batch.completed", "batch.created"]);
  expect(completed).toMatchObject({ clientId: client.id, clientIdentifier: client.identifier, url: `${url}?…` });
  const whole = await json<Delivery & { body: string; headers: Record<string, string | null> }>(
    admin(system.url, `/deliveries/${completed?.id}`),
  );
  const sent = got.find(({ event }) => event.type === "batch.completed") as Received;
  expect(whole).toEqual({ ...completed, body: sent.body, headers: whole.headers });
  for (const [name, value] of Object.entries(whole.headers))
    expect([name, value ?? "made for each"]).toEqual([name, value === null ? "made for each" : sent.headers[name]]);
  expect(Object.keys(whole.headers).sort()).toEqual([
    "content-type",
    "user-agent",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
  ]);
  const ids = async (query: string) => (await deliveries(`client=${client.id}&${query}`)).map(({ id }) => id);
  expect(await ids("event=batch.created")).toEqual([created?.id]);
  expect(await ids("status=delivered")).toEqual([]);
  expect(await ids(`from=${completed?.createdAt}&to=${completed?.createdAt}`)).toContain(completed?.id);
  expect(await ids("from=2099-01-01T00:00:00Z")).toEqual([]);
  expect(await ids("to=2020-01-01T00:00:00Z")).toEqual([]);
  expect(await deliveries("client=nobody-of-this-name")).toEqual([]);
});

test("all failed deliveries of a client since a time are replayed: first counted, then sent", async () => {
  const { got, client, own, mend } = await failing();
  const other = await failing(["batch.completed"]);
  const replay = (over: object) =>
    admin(system.url, "/deliveries/replay", {
      method: "POST",
      body: JSON.stringify({ client: client.identifier, since: "2020-01-01T00:00:00Z", ...over }),
    });
  const asked = (over: object) => json<{ examples: Delivery[] }>(replay(over));
  const { examples, ...dry } = await asked({ dryRun: true, status: "failed" });
  expect(dry).toEqual({ matched: 2, isMore: false, done: 0 });
  expect(examples).toEqual(await own());
  expect(await asked({ since: "2099-01-01T00:00:00Z" })).toEqual({ matched: 0, isMore: false, examples: [], done: 0 });
  const before = got.length;
  mend();
  expect(await asked({})).toMatchObject({ matched: 2, isMore: false, done: 2 });
  await until(async () => (await own()).every(({ status }) => status === "delivered"), "both are delivered");
  expect(got).toHaveLength(before + 2);
  expect(await other.own()).toMatchObject([{ status: "failed" }]);
  await patch(client, { webhook: null });
  expect(await (await replay({})).json()).toMatchObject({ status: 409, code: "no-webhook" });
});

test("a webhook is tried with a signed test event, whatever it wants; real deliveries stay as they are", async () => {
  const { url, got, client, secret, own } = await failing(["batch.created"]);
  const before = await own();
  const attempt = (id: string) => admin(system.url, `/clients/${id}/webhook/test`, { method: "POST" });
  const refused = await json<Record<string, unknown>>(attempt(client.id));
  expect(refused).toEqual({
    eventId: expect.any(String),
    url: `${url}?…`,
    at: expect.stringMatching(/^\d{4}-.*Z$/),
    status: 500,
    error: "answered 500",
    ms: expect.any(Number),
  });
  const quick = await attempt(client.id);
  expect([quick.status, quick.headers.get("retry-after")]).toEqual([429, expect.stringMatching(/^[12]$/)]);
  expect(await quick.json()).toMatchObject({ code: "quota-exceeded", "violated-policies": ["webhook-tests"] });
  const told = got.at(-1) as Received;
  expect(told.event).toMatchObject({ id: refused.eventId, type: "webhook.test", subject: client.id });
  expect(new Webhook(secret).verify(told.body, told.headers)).toEqual(told.event);
  expect(await own()).toEqual(before);
  const { client: well } = await subscribed((await receiver()).url, ["batch.held"]);
  expect(await json(attempt(well.id))).toMatchObject({ status: 200, error: null });
  const { client: away } = await subscribed("http://127.0.0.1:1/hooks");
  expect(await json(attempt(away.id))).toMatchObject({
    status: null,
    error: expect.stringContaining("ECONNREFUSED"),
  });
});

test("a partner sees and replays its own deliveries, and knows of no others", async () => {
  const { got, client, batchId, own, mend } = await failing();
  const other = await failing(["batch.completed"]);
  const ask = (path: string, method = "GET") =>
    fetch(`${system.url}${path}`, { method, headers: { authorization: client.auth } });
  const listed = await json<{ items: Delivery[]; next: string | null }>(ask(`/deliveries?batch=${batchId}&limit=1`));
  const [{ clientId, clientIdentifier, ...completed }, created] = (await own()) as [Delivery, Delivery];
  expect(listed.items).toEqual([completed]);
  const next = await json<{ items: Delivery[] }>(ask(`/deliveries?batch=${batchId}&limit=1&cursor=${listed.next}`));
  expect(next.items).toMatchObject([{ id: created.id }]);
  expect(await json(ask(`/deliveries/${completed.id}`))).toMatchObject({ ...completed, body: expect.any(String) });
  expect(await json(ask("/deliveries?status=failed&event=batch.created"))).toMatchObject({
    items: [{ id: created.id }],
    next: null,
  });
  const [foreign] = (await other.own()) as [Delivery];
  expect(await json(ask(`/deliveries?batch=${foreign.batchId}`))).toEqual({ items: [], next: null });
  const unknown = "0193b2f0-0000-7000-8000-000000000000";
  for (const [method, more] of [
    ["GET", ""],
    ["POST", "/replay"],
  ] as const) {
    const answers = [foreign.id, unknown].map((id) =>
      json<Record<string, unknown>>(ask(`/deliveries/${id}${more}`, method)),
    );
    const [one, another] = await Promise.all(answers);
    expect(one).toMatchObject({ status: 404, code: "not-found" });
    expect(one).toEqual(another);
  }
  expect(await other.own()).toEqual([foreign]);
  for (const query of ["client=x", "status=sent", "from=now", `cursor=${"a".repeat(56)}`])
    expect((await ask(`/deliveries?${query}`)).status).toBe(422);
  const before = got.length;
  mend();
  expect(await json(ask(`/deliveries/${completed.id}/replay`, "POST"))).toMatchObject({ id: completed.id });
  await until(() => got.length > before, "it is sent again");
  const rotated = ask("/account/rotate-secret", "POST");
  expect(await json(rotated)).toMatchObject({ status: 403, code: "forbidden" });
  const audit = await json<{ items: object[] }>(admin(system.url, `/audit?subject=${completed.id}`));
  expect(audit.items).toMatchObject([{ who: client.identifier, role: "partner", action: "delivery.replay" }]);
});

test("deliveries are listed in pages; a wrong query is refused", async () => {
  type Page = { items: Delivery[]; next: string | null };
  const first = await json<Page>(admin(system.url, "/deliveries?limit=2"));
  expect(first.items).toHaveLength(2);
  const second = await json<Page>(admin(system.url, `/deliveries?limit=2&cursor=${first.next}`));
  expect(second.items[0]?.id).not.toBe(first.items[1]?.id);
  expect(await deliveries("batch=nobody")).toEqual([]);
  for (const query of [
    "status=sent",
    "limit=0",
    "cursor=x",
    "client=1&x=1",
    "batch=a&batch=b",
    "event=sent",
    "from=now",
    "to=2026-01-01",
  ])
    expect((await admin(system.url, `/deliveries?${query}`)).status).toBe(422);
  expect((await admin(system.url, "/deliveries/nobody/replay", { method: "POST" })).status).toBe(404);
  expect((await fetch(`${system.url}/admin/deliveries`)).status).toBe(401);
});

test("metrics count deliveries by result, and show the age of the oldest", async () => {
  const text = await (await fetch(`${system.url}/metrics`)).text();
  for (const outcome of ["delivered", "retried", "failed"])
    expect(text).toMatch(new RegExp(`dataflow_webhook_deliveries_total\\{outcome="${outcome}"\\} [1-9]`));
  expect(text).toMatch(/dataflow_oldest_delivery_age_seconds \d/);
});
