/**
 * The promise: running uploads, exports, event streams and waiting requests end when their client is disabled or its secret
 * revoked.
 */
import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import type { WithCache } from "../../mixins/cache.ts";
import type { WithDatabase } from "../../mixins/database.ts";
import type { Api } from "../../services/api/http/gateway.ts";
import { accepted, admin, batchWhen, get, newClient, post, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { type System, startSystem } from "../helpers/system.ts";
import { select } from "../integration/batch/kit.ts";

let system: System;
let url: string;
beforeAll(async () => {
  system = await startSystem();
  ({ url } = system);
});
afterAll(() => system.stop());

type Ending = readonly [how: string, end: (client: TestClient) => Promise<unknown>, status: number, code: string];

const disable = (client: TestClient) =>
  admin(url, `/clients/${client.id}`, { method: "PATCH", body: '{"status":"disabled"}' });
const rotate = (client: TestClient, graceSeconds: number) =>
  admin(url, `/clients/${client.id}/rotate-secret`, { method: "POST", body: JSON.stringify({ graceSeconds }) });

const service = () => system.broker.getLocalService("clientCache") as unknown as WithDatabase & WithCache<never>;

/**
 * Disables the client only in the database, as if another node had done it and its event was lost. The safety read finds the
 * change.
 */
async function disableUnheard(client: TestClient) {
  const { models, now } = service().database;
  const change = { status: "disabled", version: 99, changedAt: await now() } as const;
  await models.Client.update(change, { where: { publicId: client.id } });
  await service().readChanges();
}

/** Lets a grace period end, which no event announces. The test makes the node look at once, which it otherwise does every 5 s. */
async function outlive(client: TestClient) {
  const { previousValidUntil } = (await (await rotate(client, 1)).json()) as { previousValidUntil: string };
  await until(async () => (await service().database.now()) > Date.parse(previousValidUntil));
  // A look in progress may have passed this client already, so it takes two.
  for (let round = 0; round < 2; round++) await api().admissions.recheckAll();
}

const endings: Ending[] = [
  ["its client is disabled", disable, 403, "client-disabled"],
  ["its client is disabled elsewhere, and the news is lost", disableUnheard, 403, "client-disabled"],
  ["its secret is revoked", (client) => rotate(client, 0), 401, "unauthenticated"],
  ["its secret was rotated, and the grace is over", outlive, 401, "unauthenticated"],
];

/** An upload whose body has not ended yet. */
function begun(client: TestClient, headers: Record<string, string> = {}): ClientRequest {
  const upload = request(`${url}/imports`, {
    method: "POST",
    headers: { authorization: client.auth, "content-type": "application/x-ndjson", ...headers },
  });
  upload.write('{"n":1}\n');
  return upload;
}

const answerTo = async (upload: ClientRequest) => {
  const [answer] = (await once(upload, "response")) as [IncomingMessage];
  return { status: answer.statusCode, body: JSON.parse(await text(answer)) as { code: string } };
};

const api = () => system.broker.getLocalService("api") as unknown as Api;
const rowsOf = ({ id }: TestClient) =>
  select(system, `SELECT b.id FROM batch b JOIN client c ON c.id = b.client_id AND c.public_id = '${id}'`);
const watched = async () =>
  (await (await fetch(`${url}/metrics`)).text()).match(/dataflow_watched_batches\S* (\d+)/)?.[1];

describe.each(endings)("when %s", (_how, end, status, code) => {
  test("an upload is refused, and nothing of it is stored", async () => {
    const client = await newClient(url);
    const upload = begun(client, { "Idempotency-Key": "a-key" });
    const answered = answerTo(upload);
    const rows = () =>
      select(system, `SELECT b.id FROM batch b JOIN client c ON c.id = b.client_id AND c.public_id = '${client.id}'`);
    await until(async () => (await rows()).length === 1);
    await end(client);
    expect(await answered).toMatchObject({ status, body: { code } });
    await until(async () => (await rowsOf(client)).length === 0);
  });

  test("an event stream ends, and a wait is answered with the refusal", async () => {
    const client = await newClient(url, { requiresApproval: true });
    const { id } = await accepted(url, client, '{"n":1}');
    const stream = await get(url, client, `/imports/${id}/events`);
    const waiting = get(url, client, `/imports/${id}`, { prefer: "wait=60" });
    await until(async () => (await watched()) === "1");
    await end(client);
    expect(await stream.text()).toContain("event: batch");
    const answer = await waiting;
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([status, code]);
  });

  test("an upload that is stored and waits for the end of its batch gets 202", async () => {
    const client = await newClient(url, { requiresApproval: true });
    const posted = post(url, client, '{"n":1}', undefined, { prefer: "wait=60" });
    await until(async () => (await watched()) === "1");
    await end(client);
    expect((await posted).status).toBe(202);
  });

  test("an export that is not read to its end is cut off", async () => {
    const client = await newClient(url);
    // 12 MB: more than the sockets of both ends hold.
    const wide = JSON.stringify({ text: "x".repeat(100_000) });
    const { id } = await accepted(url, client, Array.from({ length: 120 }, () => wide).join("\n"));
    await batchWhen(url, client, id);
    const exported = await get(url, client, `/imports/${id}/records`);
    expect(exported.status).toBe(200);
    await end(client);
    // The export stays open because the test does not read it. Otherwise it would end before the node looks.
    await until(() => api().exports.size === 0);
    const isWhole = await exported.text().then(
      () => true,
      () => false,
    );
    expect(isWhole).toBe(false);
  });
});

test("the end of a grace is noticed by itself", async () => {
  const client = await newClient(url);
  const answered = answerTo(begun(client));
  await rotate(client, 1);
  expect(await answered).toMatchObject({ status: 401, body: { code: "unauthenticated" } });
});

test.each([
  ["disabled", disable, 403],
  ["revoked", (client: TestClient) => rotate(client, 0), 401],
] as const)("an upload whose last byte comes right after its client was %s is refused", async (_how, end, status) => {
  const client = await newClient(url);
  const upload = begun(client);
  const answered = answerTo(upload);
  await until(() => api().runningRequests.size === 1);
  await end(client);
  upload.end('{"n":2}');
  expect(await answered).toMatchObject({ status });
  expect(await rowsOf(client)).toEqual([]);
});

test("requests with the new secret, or with the old one in its grace period, go on", async () => {
  const client = await newClient(url);
  const rotated = (await (await rotate(client, 60)).json()) as { secret: string };
  const auth = `Basic ${Buffer.from(`${client.identifier}:${rotated.secret}`).toString("base64")}`;
  const old = begun(client);
  const current = begun({ ...client, auth });
  const answers = [answerTo(old), answerTo(current)];
  await Promise.all([once(old, "socket"), once(current, "socket")]);
  await admin(url, `/clients/${client.id}`, { method: "PATCH", body: '{"name":"Another"}' });
  old.end();
  current.end();
  expect(await Promise.all(answers)).toMatchObject([{ status: 202 }, { status: 202 }]);
});
