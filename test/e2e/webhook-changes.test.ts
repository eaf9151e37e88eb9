/**
 * The promise: a webhook goes to the present URL and is signed with the present secrets. A webhook that was turned off gets
 * nothing more.
 */
import { Webhook } from "standardwebhooks";
import { accepted, admin, batchWhen, get, newClient, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import type { Received } from "../helpers/receiver.ts";
import {
  deliveries,
  deliveryWhen,
  json,
  type PolicyAnswer,
  patch,
  plainHmac,
  receiver,
  startWebhooks,
  subscribed,
  system,
} from "./webhook.kit.ts";

startWebhooks();

test("only the answer that sets a webhook shows its secret", async () => {
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

test("410 turns the webhook off, and ends waiting deliveries", async () => {
  const { url } = await receiver((_number, _res, { event }) => (event.type === "batch.completed" ? 410 : 500));
  const { client } = await subscribed(url, ["batch.created", "batch.completed"]);
  const { id } = await accepted(system.url, client, '{"a":1}');
  await until(
    async () => (await deliveries(`batch=${id}`)).every(({ status }) => status === "failed"),
    "both have failed",
  );
  const [completed] = await deliveries(`batch=${id}`);
  expect(completed?.attempts).toMatchObject([{ status: 410, error: "gone (410): the webhook is turned off" }]);
  const policy = () => json<PolicyAnswer>(admin(system.url, `/clients/${client.id}/policy`));
  await until(async () => (await policy()).webhook === null, "the policy names no webhook");
  const isAmongNeeds = async () => {
    const { clients } = await json<{ clients: { kind: string; client: { id: string } }[] }>(
      admin(system.url, "/stats/attention"),
    );
    return clients.some((one) => one.kind === "webhook" && one.client.id === client.id);
  };
  await until(isAmongNeeds, "operators are told");
  const { id: next } = await accepted(system.url, client, '{"a":1}');
  await batchWhen(system.url, client, next);
  expect(await deliveries(`batch=${next}`)).toEqual([]);
  await patch(client, { webhook: { url } });
  await until(async () => !(await isAmongNeeds()), "it is on again");
});

test("a removed webhook or a disabled client ends a delivery with the reason", async () => {
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

test("a delivery goes to today's URL, signed with that URL's secret", async () => {
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

test("after a rotation both secrets sign, until the grace period is over", async () => {
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
