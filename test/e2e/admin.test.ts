/** The promise: an operator's change of a client takes effect at once, and guessing secrets is slowed down. */
import { accepted, get, newClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { ADMIN_TOKEN, startSystem } from "../helpers/system.ts";
import { asked, startAdmin, statusOf, url, withSecret } from "./admin.kit.ts";

startAdmin();

describe("clients", () => {
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

  test("only the answer that creates a client shows its secret", async () => {
    const { status, body } = await asked("POST", "/clients", { clientIdentifier: "acme.eu_1-x", name: "  Acme  " });
    expect(status).toBe(201);
    expect(body).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
      clientIdentifier: "acme.eu_1-x",
      name: "Acme",
      status: "active",
      legalHold: false,
      paused: false,
      pausedAt: null,
      pausedBy: null,
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

  test("clients are listed newest first, page by page", async () => {
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

  test("a PATCH of the name changes nothing else", async () => {
    const client = await newClient(url);
    const { status, body } = await asked("PATCH", `/clients/${client.id}`, { name: "Other" });
    expect(status).toBe(200);
    expect(body).toMatchObject({ id: client.id, clientIdentifier: client.identifier, name: "Other", status: "active" });
    expect((await asked("PATCH", `/clients/${client.id}`, {})).body).toEqual(body);
    expect(await statusOf(client)).toBe(200);
  });

  test("a disabled client is refused at once, its batches go on, and it can be enabled again", async () => {
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

  test("after a rotation the old secret is valid for the grace period", async () => {
    const client = await newClient(url);
    const before = Date.now();
    const { status, body } = await asked("POST", `/clients/${client.id}/rotate-secret`, { graceSeconds: 3600 });
    expect([status, Object.keys(body).sort()]).toEqual([200, ["previousValidUntil", "secret"]]);
    const until = Date.parse(String(body.previousValidUntil));
    expect(until - before).toBeGreaterThan(3_599_000);
    expect(until - Date.now()).toBeLessThanOrEqual(3_600_000);
    expect([await statusOf(client), await statusOf(withSecret(client, String(body.secret)))]).toEqual([200, 200]);
  });

  test("the grace period is a day if the request names none, also without a body", async () => {
    const client = await newClient(url);
    const { body } = await asked("POST", `/clients/${client.id}/rotate-secret`);
    const seconds = (Date.parse(String(body.previousValidUntil)) - Date.now()) / 1000;
    expect(Math.abs(seconds - 86_400)).toBeLessThan(60);
  });

  test("graceSeconds 0 revokes every old secret at once, also one in its grace period", async () => {
    const client = await newClient(url);
    const second = await asked("POST", `/clients/${client.id}/rotate-secret`, { graceSeconds: 3600 });
    const current = withSecret(client, String(second.body.secret));
    expect([await statusOf(client), await statusOf(current)]).toEqual([200, 200]);
    const third = await asked("POST", `/clients/${client.id}/rotate-secret`, { graceSeconds: 0 });
    expect([await statusOf(client), await statusOf(current)]).toEqual([401, 401]);
    expect(await statusOf(withSecret(client, String(third.body.secret)))).toBe(200);
  });
});

test("more than 100 failed logins a minute get 429, and valid credentials are still accepted", async () => {
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
