/** The promise: webhooks are signed, retried, never lost, and sent only to their receiver. */
import { Webhook } from "standardwebhooks";
import { accepted, admin, batchWhen, newClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import type { Received } from "../helpers/receiver.ts";
import {
  deliveries,
  deliveryWhen,
  failing,
  json,
  patch,
  plainHmac,
  receiver,
  startWebhooks,
  subscribed,
  system,
} from "./webhook.kit.ts";
import { deliveriesAreListed } from "./webhook.lists.suite.ts";

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
  // Long before one of the receivers times out.
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
  const { client: gone } = await subscribed((await receiver(() => 410)).url);
  expect(await json(attempt(gone.id))).toMatchObject({
    status: 410,
    error: expect.stringContaining("would be turned off"),
  });
  const { client: away } = await subscribed("http://127.0.0.1:1/hooks");
  expect(await json(attempt(away.id))).toMatchObject({
    status: null,
    error: expect.stringContaining("ECONNREFUSED"),
  });
});

test("metrics count deliveries by result, and show the age of the oldest", async () => {
  const text = await (await fetch(`${system.url}/metrics`)).text();
  for (const outcome of ["delivered", "retried", "failed"])
    expect(text).toMatch(new RegExp(`dataflow_webhook_deliveries_total\\{outcome="${outcome}"\\} [1-9]`));
  expect(text).toMatch(/dataflow_oldest_delivery_age_seconds \d/);
});

deliveriesAreListed();
