/** The promise: what operators do with clients, policies and batches takes effect at once, and is what INTERFACE.md says. */
import {
  accepted,
  admin,
  type Batch,
  batchWhen,
  get,
  lines,
  newClient,
  post,
  type TestClient,
} from "../helpers/http.ts";
import { ADMIN_TOKEN, type System, startSystem } from "../helpers/system.ts";
import { until } from "./bad-input.kit.ts";

let system: System;
let url: string;
/** What the test's handler does with each chunk. */
let handle: () => Promise<unknown> = async () => undefined;
let calls = 0;

const testing = {
  name: "testing",
  actions: {
    handle: {
      importHandler: true,
      handler: () => {
        calls++;
        return handle();
      },
    },
    other: () => null,
  },
};

beforeAll(async () => {
  system = await startSystem({ extra: [testing as never], env: { SWEEP_INTERVAL: "100ms", POLL_INTERVAL: "50ms" } });
  url = system.url;
});
afterAll(() => system.stop());

type Json = Record<string, unknown>;

async function asked(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await admin(url, path, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Json };
}

const statusOf = async (client: TestClient) => (await get(url, client, "/policy")).status;
const withSecret = (client: TestClient, secret: string): TestClient => ({
  ...client,
  secret,
  auth: `Basic ${Buffer.from(`${client.identifier}:${secret}`).toString("base64")}`,
});

describe("clients", () => {
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

  test("a new one is shown with its secret, once", async () => {
    const { status, body } = await asked("POST", "/clients", { clientIdentifier: "acme.eu_1-x", name: "  Acme  " });
    expect(status).toBe(201);
    expect(body).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
      clientIdentifier: "acme.eu_1-x",
      name: "Acme",
      status: "active",
      secret: expect.stringMatching(/^[\w-]{40,}$/),
      createdAt: time,
    });
    const { secret, ...shown } = body;
    const alone = await asked("GET", `/clients/${body.id}`);
    expect([alone.status, alone.body]).toEqual([200, shown]);
    const list = await asked("GET", "/clients?limit=1");
    expect(list.body.items).toEqual([shown]);
    expect(JSON.stringify(list.body)).not.toMatch(/secret|hash/i);
    const own = withSecret({ id: String(body.id), identifier: "acme.eu_1-x", secret: "", auth: "" }, String(secret));
    expect(await statusOf(own)).toBe(200);
  });

  test("are listed newest first, page by page", async () => {
    const made: string[] = [];
    for (let i = 0; i < 5; i++) made.unshift((await newClient(url)).id);
    const found: string[] = [];
    let cursor = "";
    for (let pages = 0; pages < 3; pages++) {
      const { body } = await asked("GET", `/clients?limit=2${cursor && `&cursor=${cursor}`}`);
      found.push(...(body.items as { id: string }[]).map(({ id }) => id));
      cursor = String(body.next);
    }
    expect(found.slice(0, 5)).toEqual(made);
    expect(new Set(found).size).toBe(6);
  });

  test("a name is changed, the rest stays", async () => {
    const client = await newClient(url);
    const { status, body } = await asked("PATCH", `/clients/${client.id}`, { name: "Other" });
    expect(status).toBe(200);
    expect(body).toMatchObject({ id: client.id, clientIdentifier: client.identifier, name: "Other", status: "active" });
    expect((await asked("PATCH", `/clients/${client.id}`, {})).body).toEqual(body);
    expect(await statusOf(client)).toBe(200);
  });

  test("a disabled one is refused at once, its batches go on, and it comes back", async () => {
    const client = await newClient(url);
    expect(await statusOf(client)).toBe(200);
    const { id } = await accepted(url, client, '{"a":1}');
    expect((await asked("PATCH", `/clients/${client.id}`, { status: "disabled" })).body).toMatchObject({
      status: "disabled",
    });
    const refused = await get(url, client, "/policy");
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({ code: "client-disabled" });
    const wrong = await get(url, withSecret(client, "wrong"), "/policy");
    expect(wrong.status).toBe(401);
    await until(async () => (await asked("GET", `/batches/${id}`)).body.status === "completed", "the batch has ended");
    await asked("PATCH", `/clients/${client.id}`, { status: "active" });
    expect(await statusOf(client)).toBe(200);
  });

  test("a rotated secret: the old one lives on for its grace", async () => {
    const client = await newClient(url);
    const before = Date.now();
    const { status, body } = await asked("POST", `/clients/${client.id}/rotate-secret`, { graceSeconds: 3600 });
    expect([status, Object.keys(body).sort()]).toEqual([200, ["previousValidUntil", "secret"]]);
    const until = Date.parse(String(body.previousValidUntil));
    expect(until - before).toBeGreaterThan(3_599_000);
    expect(until - Date.now()).toBeLessThanOrEqual(3_600_000);
    expect([await statusOf(client), await statusOf(withSecret(client, String(body.secret)))]).toEqual([200, 200]);
  });

  test("the grace is a day where none is told, also without a body", async () => {
    const client = await newClient(url);
    const { body } = await asked("POST", `/clients/${client.id}/rotate-secret`);
    const seconds = (Date.parse(String(body.previousValidUntil)) - Date.now()) / 1000;
    expect(Math.abs(seconds - 86_400)).toBeLessThan(60);
  });

  test("graceSeconds 0 revokes the old secret at once, also one that was in its grace", async () => {
    const client = await newClient(url);
    const second = await asked("POST", `/clients/${client.id}/rotate-secret`, { graceSeconds: 3600 });
    const current = withSecret(client, String(second.body.secret));
    expect([await statusOf(client), await statusOf(current)]).toEqual([200, 200]);
    const third = await asked("POST", `/clients/${client.id}/rotate-secret`, { graceSeconds: 0 });
    expect([await statusOf(client), await statusOf(current)]).toEqual([401, 401]);
    expect(await statusOf(withSecret(client, String(third.body.secret)))).toBe(200);
  });
});

describe("the policy", () => {
  const path = (client: TestClient) => `/clients/${client.id}/policy`;
  const merge = { "content-type": "application/merge-patch+json" };

  test("is whole with its defaults, and the ETag of a GET is what If-Match takes", async () => {
    const { body: made } = await asked("POST", "/clients", { clientIdentifier: "with-defaults", name: "x" });
    const own = { id: String(made.id) } as TestClient;
    const shown = await asked("GET", path(own));
    expect(shown.body).toMatchObject({ weight: 1, rate: { requests: 600, windowSeconds: 60 }, schema: {} });
    const etag = String(shown.headers.get("etag"));
    expect(etag).toMatch(/^"[^"]+"$/);
    const put = await asked("PUT", path(own), { weight: 5 }, { "if-match": etag });
    expect(put).toMatchObject({ status: 200, body: { ...shown.body, weight: 5 } });
    expect(put.headers.get("etag")).not.toBe(etag);
    const stale = await asked("PUT", path(own), { weight: 6 }, { "if-match": etag });
    expect(stale).toMatchObject({ status: 412, body: { code: "precondition-failed" } });
    const again = await asked("GET", path(own));
    expect([again.body.weight, again.headers.get("etag")]).toEqual([5, put.headers.get("etag")]);
    const listed = await asked(
      "PATCH",
      path(own),
      { weight: 7 },
      { "if-match": `${etag}, ${again.headers.get("etag")}` },
    );
    expect(listed.body.weight).toBe(7);
    expect((await asked("PATCH", path(own), { weight: 8 }, { "if-match": "*" })).body.weight).toBe(8);
  });

  test("PUT replaces: what it does not name has its default, also within an object", async () => {
    const client = await newClient(url, { weight: 5, maxErrors: 9, rate: { requests: 1_000_000, windowSeconds: 90 } });
    const { body } = await asked("PUT", path(client), { rate: { requests: 1_000 } });
    expect(body).toMatchObject({ weight: 1, maxErrors: null, rate: { requests: 1_000, windowSeconds: 60 } });
  });

  test("PATCH merges, and null restores the default", async () => {
    const window = { from: "22:00", to: "06:00", timeZone: "Europe/Lisbon" };
    const client = await newClient(url, {
      weight: 5,
      maxErrors: 9,
      window,
      formats: ["csv"],
      schema: { type: "object" },
    });
    const first = await asked("PATCH", path(client), { weight: 6, window: { to: "07:00" } }, merge);
    expect(first.body).toMatchObject({ weight: 6, maxErrors: 9, window: { ...window, to: "07:00" }, formats: ["csv"] });
    const nothing = {
      weight: null,
      maxErrors: null,
      window: null,
      formats: null,
      schema: null,
      rate: { requests: null },
    };
    const second = await asked("PATCH", path(client), nothing, { "content-type": "application/json" });
    expect(second.body).toMatchObject({
      weight: 1,
      maxErrors: null,
      window: null,
      formats: ["ndjson", "csv", "json"],
      schema: {},
      rate: { requests: 600, windowSeconds: 60 },
    });
    const members = await asked("PATCH", path(client), { schema: { required: ["a"], minProperties: 1 } }, merge);
    const without = await asked("PATCH", path(client), { schema: { required: null } }, merge);
    expect([members.body.schema, without.body.schema]).toEqual([
      { required: ["a"], minProperties: 1 },
      { minProperties: 1 },
    ]);
  });

  test("a change is in force at once, and a refused one changes nothing", async () => {
    const client = await newClient(url);
    expect((await post(url, client, '{"a":1}')).status).toBe(202);
    await asked("PATCH", path(client), { formats: ["csv"] }, merge);
    expect((await post(url, client, '{"a":1}')).status).toBe(415);
    expect((await asked("PATCH", path(client), { formats: null, weight: 0 }, merge)).status).toBe(422);
    expect((await post(url, client, '{"a":1}')).status).toBe(415);
    expect(await (await get(url, client, "/policy")).json()).toEqual((await asked("GET", path(client))).body);
  });

  test("a batch is worked by the policy that it was accepted under", async () => {
    const client = await newClient(url, { requiresApproval: true, schema: { required: ["a"] } });
    const { id } = await accepted(url, client, '{"a":1}\n{"b":1}');
    await asked("PUT", path(client), { schema: { required: ["b"], maxProperties: 0 } });
    await asked("POST", `/batches/${id}/approve`);
    expect((await batchWhen(url, client, id)).counts).toMatchObject({ accepted: 1, rejected: 1 });
  });

  test("of several changes with the same If-Match, one wins", async () => {
    const client = await newClient(url);
    const etag = String((await asked("GET", path(client))).headers.get("etag"));
    const changes = [2, 3, 4, 5].map((weight) => asked("PATCH", path(client), { weight }, { "if-match": etag }));
    const statuses = (await Promise.all(changes)).map(({ status }) => status).sort();
    expect(statuses).toEqual([200, 412, 412, 412]);
  });

  test("a handler must declare itself one", async () => {
    const client = await newClient(url);
    expect((await asked("PATCH", path(client), { handler: "testing.other" })).status).toBe(422);
    expect((await asked("PATCH", path(client), { handler: "testing.handle" })).body.handler).toBe("testing.handle");
  });
});

describe("batches", () => {
  const move = (id: string, action: string, body?: unknown) => asked("POST", `/batches/${id}/${action}`, body);

  test("are listed for all clients, by client and by status, with the client they belong to", async () => {
    const [one, two] = [await newClient(url), await newClient(url, { requiresApproval: true })];
    const done = await accepted(url, one, '{"a":1}');
    await batchWhen(url, one, done.id);
    const waiting = await accepted(url, two, '{"a":1}');
    const listed = async (query: string) => {
      const { body } = await asked("GET", `/batches${query}`);
      return (body.items as Batch[]).map(({ id, clientId }) => [id, clientId]);
    };
    expect(await listed("?limit=2")).toEqual([
      [waiting.id, two.id],
      [done.id, one.id],
    ]);
    expect(await listed(`?client=${one.id}`)).toEqual([[done.id, one.id]]);
    expect(await listed(`?client=${one.id}&status=held`)).toEqual([]);
    expect(await listed(`?client=${two.id}&status=held`)).toEqual([[waiting.id, two.id]]);
    expect(await listed("?client=nobody")).toEqual([]);
    const shown = await asked("GET", `/batches/${done.id}`);
    expect(shown.body).toEqual({
      ...((await (await get(url, one, `/imports/${done.id}`)).json()) as Json),
      clientId: one.id,
    });
    const { body: first } = await asked("GET", "/batches?limit=1");
    expect((await asked("GET", `/batches?limit=1&cursor=${first.next}`)).body.items).toMatchObject([{ id: done.id }]);
  });

  test("one that needs approval is held until it is approved", async () => {
    const client = await newClient(url, { requiresApproval: true });
    const batch = await accepted(url, client, '{"a":1}');
    expect(batch).toMatchObject({ status: "held", hold: { reason: "approval", until: null }, readyAt: null });
    expect((await lines(get(url, client, `/imports/${batch.id}/records`))).length).toBe(0);
    const { status, body } = await move(batch.id, "approve");
    expect([status, body.status, body.hold, body.clientId]).toEqual([200, "ready", null, client.id]);
    expect(await batchWhen(url, client, batch.id)).toMatchObject({ status: "completed", counts: { accepted: 1 } });
    expect(await move(batch.id, "approve")).toMatchObject({
      status: 409,
      body: { code: "illegal-state", current: "completed" },
    });
  });

  test("one that is rejected says why, and stays so", async () => {
    const client = await newClient(url, { requiresApproval: true });
    const { id } = await accepted(url, client, '{"a":1}');
    expect(await move(id, "reject", { reason: "The prices are last year's." })).toMatchObject({
      status: 200,
      body: {
        status: "rejected",
        error: { code: "rejected-by-operator", detail: "The prices are last year's." },
        hold: null,
      },
    });
    expect(await batchWhen(url, client, id)).toMatchObject({
      status: "rejected",
      error: { code: "rejected-by-operator", detail: "The prices are last year's." },
      finishedAt: expect.any(String),
      counts: { received: 1, accepted: 0, rejected: 0 },
    });
    for (const action of ["approve", "reject", "redrive", "cancel"])
      expect(await move(id, action)).toMatchObject({ status: 409, body: { current: "rejected" } });
    const { id: next } = await accepted(url, client, '{"a":1}');
    expect((await move(next, "reject")).body.error).toMatchObject({ code: "rejected-by-operator" });
  });

  test("one that is held is cancelled by its client or by an operator", async () => {
    const client = await newClient(url, { requiresApproval: true });
    const first = await accepted(url, client, '{"a":1}');
    const own = await fetch(`${url}/imports/${first.id}/cancel`, {
      method: "POST",
      headers: { authorization: client.auth },
    });
    expect(await own.json()).toMatchObject({ status: "cancelled", hold: null });
    const second = await accepted(url, client, '{"a":1}');
    expect(await move(second.id, "cancel", {})).toMatchObject({
      status: 200,
      body: { status: "cancelled", clientId: client.id },
    });
    expect(await move(second.id, "approve")).toMatchObject({ status: 409, body: { current: "cancelled" } });
  });

  /** A window of an hour that is open now, or opens in about six. */
  const windowIn = (hours: number) => {
    const clock = (ms: number) => new Date(ms).toISOString().slice(11, 16);
    const from = Date.now() + hours * 3_600_000;
    return { from: clock(from), to: clock(from + 7_200_000), timeZone: "UTC" };
  };

  test("one outside its window is held until that opens; an operator may approve it before", async () => {
    const client = await newClient(url, { window: windowIn(6) });
    const batch = await accepted(url, client, '{"a":1}');
    expect(batch).toMatchObject({ status: "held", hold: { reason: "window" } });
    const opens = Date.parse(batch.hold?.until ?? "") - Date.now();
    expect(opens).toBeGreaterThan(5.9 * 3_600_000);
    expect(opens).toBeLessThanOrEqual(6 * 3_600_000);
    expect((await move(batch.id, "approve")).body.status).toBe("ready");
    expect((await batchWhen(url, client, batch.id)).status).toBe("completed");
  });

  test("one within its window is not held", async () => {
    const client = await newClient(url, { window: windowIn(-1) });
    const batch = await accepted(url, client, '{"a":1}');
    expect(batch.hold).toBeNull();
    expect((await batchWhen(url, client, batch.id)).status).toBe("completed");
  });

  test("one that failed is driven again, from its last chunk and with its attempts at 0", async () => {
    const backoff = { type: "fixed", delayMs: 0, maxMs: 0 };
    const policy = { handler: "testing.handle", chunkRecords: 1, maxAttempts: 2, backoff };
    const client = await newClient(url, policy);
    calls = 0;
    handle = async () => {
      if (calls > 1) throw new Error("the target is away");
      return undefined;
    };
    const { id } = await accepted(url, client, '{"a":1}\n{"a":2}\n{"a":3}');
    expect(await batchWhen(url, client, id)).toMatchObject({
      status: "failed",
      error: { code: "handler-failed", detail: expect.stringContaining("the target is away") },
      counts: { received: 3, accepted: 1 },
    });
    const before = calls;
    handle = async () => undefined;
    const { status, body } = await move(id, "redrive");
    expect([status, body.status, body.error]).toEqual([200, "ready", null]);
    expect(await batchWhen(url, client, id)).toMatchObject({
      status: "completed",
      counts: { received: 3, accepted: 3 },
      error: null,
      progress: 1,
    });
    expect(calls - before).toBe(2);
    expect(await move(id, "redrive")).toMatchObject({ status: 409, body: { current: "completed" } });
  });
});

test("more than 100 failed logins a minute are 429, and right credentials are let in all the same", async () => {
  const own = await startSystem();
  try {
    const client = await newClient(own.url);
    const guess = (secret: string) => get(own.url, withSecret(client, secret), "/policy");
    const first = await Promise.all(Array.from({ length: 100 }, (_, i) => guess(`wrong-${i}`)));
    expect(new Set(first.map(({ status }) => status))).toEqual(new Set([401]));
    const refused = await guess("wrong-101");
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(Number(refused.headers.get("retry-after"))).toBeLessThanOrEqual(60);
    expect(await refused.json()).toMatchObject({ code: "too-many-failed-logins", status: 429 });
    const token = (text: string) => fetch(`${own.url}/admin/clients`, { headers: { authorization: `Bearer ${text}` } });
    expect((await token("a-wrong-token")).status).toBe(429);
    expect((await token(ADMIN_TOKEN)).status).toBe(200);
    expect((await get(own.url, client, "/policy")).status).toBe(200);
    expect((await guess("wrong-102")).status).toBe(429);
  } finally {
    await own.stop();
  }
});
