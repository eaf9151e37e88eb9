/** Webhooks as partners and operators know them: signed, repeated, never lost, and sent to nobody else. */
import { createHmac } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { until } from "../helpers/amqp.ts";
import { accepted, admin, batchWhen, get, newClient, type TestClient } from "../helpers/http.ts";
import { type Received, type Receiver, startReceiver } from "../helpers/receiver.ts";
import { type System, startSystem } from "../helpers/system.ts";

interface Delivery {
  id: string;
  batchId: string;
  clientId: string;
  event: string;
  status: string;
  nextAt: string | null;
  attempts: { at: string; status: number | null; error: string | null; ms: number }[];
}

let system: System;
const receivers: Receiver[] = [];

beforeAll(async () => {
  system = await startSystem({
    env: { WEBHOOK_ALLOWED_HOSTS: "127.0.0.1", POLL_INTERVAL: "50ms", LOG_LEVEL: "fatal" },
    settings: { webhook: { delaysMs: [20, 20], attemptMs: 20_000 } },
  });
});
afterAll(() => system.stop());
afterEach(async () => {
  for (const receiver of receivers.splice(0)) await receiver.close();
});

async function receiver(...args: Parameters<typeof startReceiver>): Promise<Receiver> {
  const started = await startReceiver(...args);
  receivers.push(started);
  return started;
}

const json = async <T>(response: Promise<Response>) => (await (await response).json()) as T;
type PolicyAnswer = { webhook: { url: string; events: string[]; secret?: string } | null };

async function patch(client: TestClient, policy: object): Promise<PolicyAnswer> {
  return json(admin(system.url, `/clients/${client.id}/policy`, { method: "PATCH", body: JSON.stringify(policy) }));
}

/** A client whose webhook goes there, with its secret. */
async function subscribed(url: string, events?: string[]) {
  const client = await newClient(system.url);
  const { webhook } = await patch(client, { webhook: events ? { url, events } : { url } });
  return { client, secret: webhook?.secret ?? "" };
}

const deliveries = async (query: string) =>
  (await json<{ items: Delivery[] }>(admin(system.url, `/deliveries?${query}`))).items;

async function deliveryWhen(batchId: string, status: string): Promise<Delivery> {
  let last: Delivery | undefined;
  await until(async () => {
    [last] = await deliveries(`batch=${batchId}`);
    return last?.status === status;
  }, `the delivery is ${status}`);
  return last as Delivery;
}

/** By the words of the standard alone. */
function plainHmac({ headers, body }: Received, secret: string): string {
  const key = Buffer.from(secret.slice("whsec_".length), "base64");
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  return `v1,${createHmac("sha256", key).update(signed).digest("base64")}`;
}

test("the end of a batch is told: a CloudEvent in the frame of Standard Webhooks", async () => {
  const { url, got } = await receiver();
  const { client, secret } = await subscribed(url);
  const { id } = await accepted(system.url, client, '{"a":1}\n[]\n');
  const { id: deliveryId, attempts, ...delivery } = await deliveryWhen(id, "delivered");
  expect(delivery).toEqual({
    batchId: id,
    clientId: client.id,
    event: "batch.completed",
    status: "delivered",
    nextAt: null,
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

test("all three events come where they are wanted, and none where they are not", async () => {
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

test("the secret is in the answer that set it, and in none else", async () => {
  const { url } = await receiver();
  const { client, secret } = await subscribed(url);
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  const path = `/clients/${client.id}/policy`;
  const shown = [
    admin(system.url, path),
    admin(system.url, path, { method: "PATCH", body: '{"weight":2}' }),
    admin(system.url, path, { method: "PUT", body: JSON.stringify({ webhook: { url } }) }),
    admin(system.url, `/clients/${client.id}`),
    get(system.url, client, "/policy"),
  ];
  for (const response of shown) {
    const text = await (await response).text();
    expect(text).not.toContain("whsec_");
    expect(text).not.toContain('"secret"');
  }
  const body = { clientIdentifier: `${client.identifier}-2`, name: "x", policy: { webhook: { url } } };
  const made = await json<{ secret: string; webhook: object }>(
    admin(system.url, "/clients", { method: "POST", body: JSON.stringify(body) }),
  );
  expect(made.webhook).toEqual({ url, events: ["batch.completed"], secret: expect.stringMatching(/^whsec_/) });
});

test("a failed sending is repeated with the same id, and every attempt is listed, without what the receiver said", async () => {
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

test("after the last try it has failed; an operator sends it again, and the list goes on", async () => {
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

test("Retry-After is waited for", async () => {
  const { url, got } = await receiver((number, res) => {
    if (number > 1) return 200;
    res.writeHead(503, { "retry-after": "1" }).end();
  });
  const { client } = await subscribed(url);
  const { id } = await accepted(system.url, client, '{"a":1}');
  await deliveryWhen(id, "delivered");
  expect((got[1]?.at ?? 0) - (got[0]?.at ?? 0)).toBeGreaterThanOrEqual(990);
});

test("410 turns the webhook off, and ends what waits", async () => {
  const { url } = await receiver((_number, _res, { event }) => (event.type === "batch.completed" ? 410 : 500));
  const { client } = await subscribed(url, ["batch.created", "batch.completed"]);
  const { id } = await accepted(system.url, client, '{"a":1}');
  await until(
    async () => (await deliveries(`batch=${id}`)).every(({ status }) => status === "failed"),
    "both have failed",
  );
  const [completed] = await deliveries(`batch=${id}`);
  expect(completed?.attempts).toMatchObject([{ status: 410, error: "gone (410): the webhook is turned off" }]);
  expect((await json<PolicyAnswer>(admin(system.url, `/clients/${client.id}/policy`))).webhook).toBeNull();
  const { id: next } = await accepted(system.url, client, '{"a":1}');
  await batchWhen(system.url, client, next);
  expect(await deliveries(`batch=${next}`)).toEqual([]);
});

test("a webhook that was taken away, or a client that was disabled, ends it with the reason", async () => {
  const held = Promise.withResolvers<number>();
  const { url } = await receiver((number) => (number === 1 ? held.promise : 500));
  for (const [how, error] of [
    [(client: TestClient) => patch(client, { webhook: null }), "the policy names no webhook"],
    [
      (client: TestClient) =>
        admin(system.url, `/clients/${client.id}`, { method: "PATCH", body: '{"status":"disabled"}' }),
      "the client is disabled",
    ],
  ] as const) {
    const { client } = await subscribed(url);
    const { id } = await accepted(system.url, client, '{"a":1}');
    await batchWhen(system.url, client, id);
    await how(client);
    held.resolve(500);
    const { attempts } = await deliveryWhen(id, "failed");
    expect(attempts.at(-1)).toMatchObject({ status: null, error, ms: 0 });
  }
});

test("the URL of today counts, with its own secret", async () => {
  const before = await receiver(() => 500);
  const after = await receiver();
  const { client, secret: old } = await subscribed(before.url);
  const { id } = await accepted(system.url, client, '{"a":1}');
  await until(() => before.got.length > 0, "the first receiver was asked");
  const { webhook } = await patch(client, { webhook: { url: after.url } });
  const secret = webhook?.secret ?? "";
  expect(secret).not.toBe(old);
  const { status } = await Promise.race([deliveryWhen(id, "delivered"), deliveryWhen(id, "failed")]);
  if (status === "failed") await replayOf(id);
  await until(() => after.got.length > 0, "the second receiver is told");
  expect(after.got[0]?.headers["webhook-signature"]).toBe(plainHmac(after.got[0] as Received, secret));
});

async function replayOf(batchId: string): Promise<Response> {
  const [delivery] = await deliveries(`batch=${batchId}`);
  return admin(system.url, `/deliveries/${delivery?.id}/replay`, { method: "POST" });
}

test("a rotated secret signs beside the one before, until its grace is over", async () => {
  const { url, got } = await receiver();
  const { client, secret: first } = await subscribed(url);
  const rotate = (body?: object) =>
    json<{ secret: string; previousValidUntil: string }>(
      admin(system.url, `/clients/${client.id}/rotate-webhook-secret`, {
        method: "POST",
        ...(body && { body: JSON.stringify(body) }),
      }),
    );
  const rotated = await rotate();
  expect(Date.parse(rotated.previousValidUntil)).toBeGreaterThan(Date.now() + 86_000_000);
  await accepted(system.url, client, '{"a":1}');
  await until(() => got.length === 1, "the first is told");
  const [told] = got as [Received];
  expect(told.headers["webhook-signature"]?.split(" ")).toEqual([
    plainHmac(told, rotated.secret),
    plainHmac(told, first),
  ]);
  for (const secret of [first, rotated.secret]) new Webhook(secret).verify(told.body, told.headers);
  const last = await rotate({ graceSeconds: 0 });
  await accepted(system.url, client, '{"a":1}');
  await until(() => got.length === 2, "the second is told");
  expect(got[1]?.headers["webhook-signature"]).toBe(plainHmac(got[1] as Received, last.secret));
  const none = await newClient(system.url);
  const path = `/clients/${none.id}/rotate-webhook-secret`;
  expect((await admin(system.url, path, { method: "POST" })).status).toBe(404);
});

test("slow receivers keep nobody else waiting", async () => {
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

test("a batch that was driven again tells of its new end", async () => {
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

test("however long a handler's reason is, the document stays small", async () => {
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

test("deliveries come in pages; a wrong question is refused", async () => {
  type Page = { items: Delivery[]; next: string | null };
  const first = await json<Page>(admin(system.url, "/deliveries?limit=2"));
  expect(first.items).toHaveLength(2);
  const second = await json<Page>(admin(system.url, `/deliveries?limit=2&cursor=${first.next}`));
  expect(second.items[0]?.id).not.toBe(first.items[1]?.id);
  expect(await deliveries("batch=nobody")).toEqual([]);
  for (const query of ["status=sent", "limit=0", "cursor=x", "client=1", "batch=a&batch=b"])
    expect((await admin(system.url, `/deliveries?${query}`)).status).toBe(422);
  expect((await admin(system.url, "/deliveries/nobody/replay", { method: "POST" })).status).toBe(404);
  expect((await fetch(`${system.url}/admin/deliveries`)).status).toBe(401);
});

test("what came of sendings, and what waits, is in the metrics", async () => {
  const text = await (await fetch(`${system.url}/metrics`)).text();
  for (const outcome of ["delivered", "retried", "failed"])
    expect(text).toMatch(new RegExp(`dataflow_webhook_deliveries_total\\{outcome="${outcome}"\\} [1-9]`));
  expect(text).toMatch(/dataflow_oldest_delivery_age_seconds \d/);
});
