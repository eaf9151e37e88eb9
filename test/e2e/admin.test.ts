/** The promise: an operator's change of a client takes effect at once, and guessing secrets is slowed down. */
import { accepted, get, newClient } from "../helpers/http.ts";
import { testOnce } from "../helpers/once.ts";
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
    const nothing = { used: 0, limit: null };
    const use = { batches: { running: 0, limit: null }, day: { bytes: nothing, records: nothing } };
    expect(list.body.items).toEqual([{ ...shown, policyVersion: 0, lastBatchAt: null, use }]);
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

  test("clients are found by the beginning of their identifier, a part of their name, and their status", async () => {
    const made = ["find-a.b", "find-axb", "not-find"].map((clientIdentifier) => ({ clientIdentifier, name: "Plain" }));
    const [byName, odd] = [
      { clientIdentifier: "other", name: "To FIND-a or not" },
      { clientIdentifier: "odd", name: "100%_[!x] Übergröße" },
    ];
    for (const one of [...made, byName, odd]) await asked("POST", "/clients", one);
    const found = async (query: string) =>
      ((await asked("GET", `/clients?${query}`)).body.items as { clientIdentifier: string }[]).map(
        (one) => one.clientIdentifier,
      );
    expect(await found("q=find-a")).toEqual(["other", "find-axb", "find-a.b"]);
    expect(await found("q=Find-A.")).toEqual(["find-a.b"]);
    for (const q of ["100%25", "0%25_", "%5B!x%5D", "%C3%9Cberg", "Gr%C3%B6"])
      expect(await found(`q=${q}`)).toEqual(["odd"]);
    expect(await found("q=0__")).toEqual([]);
    const { body } = await asked("GET", "/clients?q=find-a&limit=2");
    expect(await found(`q=find-a&limit=2&cursor=${body.next}`)).toEqual(["find-a.b"]);
    expect((await asked("GET", `/clients?q=find&limit=2&cursor=${body.next}`)).status).toBe(422);
    const [{ id }] = (await asked("GET", "/clients?q=find-axb")).body.items as [{ id: string }];
    await asked("PATCH", `/clients/${id}`, { status: "disabled" });
    expect(await found("q=find-a&status=disabled")).toEqual(["find-axb"]);
    expect(await found("q=find-a&status=active")).toEqual(["other", "find-a.b"]);
    expect(await found("status=disabled")).toEqual(["find-axb"]);
  });

  test("a list tells when each client's newest batch was made, and its policy's version", async () => {
    const client = await newClient(url);
    const { id } = await accepted(url, client, '{"a":1}');
    const batch = (await (await get(url, client, `/imports/${id}`)).json()) as { createdAt: string };
    const { items } = (await asked("GET", `/clients?q=${client.identifier}`)).body as { items: object[] };
    expect(items).toMatchObject([{ policyVersion: 1, lastBatchAt: batch.createdAt }]);
  });

  test("a list tells what each client uses, which clients have a dataset, and the attention who is at a limit", async () => {
    const client = await newClient(url, { recordsPerDay: 10 });
    await accepted(url, client, '{"a":1}\n'.repeat(9));
    await asked("PUT", "/datasets/with-clients", { description: "A" });
    await asked("PUT", `/clients/${client.id}/datasets/with-clients`, {});
    const { items } = (await asked("GET", "/clients?dataset=with-clients")).body as { items: object[] };
    const records = { used: 9, limit: 10 };
    expect(items).toMatchObject([{ id: client.id, use: { batches: { limit: 2 }, day: { records } } }]);
    expect((await asked("GET", "/clients?dataset=nothing-like-that")).body.items).toEqual([]);
    const need = await until(async () => {
      const { clients } = (await asked("GET", "/stats/attention")).body as { clients: { client: { id: string } }[] };
      return clients.find((one) => one.client.id === client.id);
    });
    expect(need).toEqual({
      kind: "recordsPerDay",
      client: { id: client.id, clientIdentifier: client.identifier, name: expect.any(String) },
      ...records,
      since: null,
    });
  });

  test("usage tells what is used of each limit, to operators and to the client, and spends nothing of theirs", async () => {
    const client = await newClient(url, {
      rate: { requests: 50, windowSeconds: 3_600 },
      bytesPerDay: 1_000,
      requiresApproval: true,
    });
    await accepted(url, client, '{"a":1}');
    const usage = async () => (await asked("GET", `/clients/${client.id}/usage`)).body;
    const shown = await usage();
    expect(shown).toEqual({
      requests: { limit: 50, windowSeconds: 3_600, used: 1, remaining: 49, resetsAt: time, store: "process" },
      day: { bytes: { used: 7, limit: 1_000 }, records: { used: 1, limit: null }, resetsAt: time },
      uploads: { running: 0, limit: 16 },
      batches: { running: 0, ready: 0, held: 1, limit: expect.any(Number) },
      streams: { open: 0, limit: 2_000 },
    });
    expect((await usage()).requests).toMatchObject({ used: 1 });
    const own = (await (await get(url, client, "/usage")).json()) as { requests: object };
    expect(own).toMatchObject({ ...shown, requests: { used: 2, remaining: 48, resetsAt: time } });
  });

  test("the system tells its version, its settings without secrets, and its migrations", async () => {
    const { body } = await asked("GET", "/system");
    const { settings, ...rest } = body as { settings: { name: string }[] };
    const setting = (name: string) => settings.find((one) => one.name === name);
    expect(rest).toMatchObject({
      version: expect.stringMatching(/^\d+\.\d+/),
      nodes: [{ version: expect.any(String), differs: [] }],
      database: { migrations: { applied: expect.arrayContaining(["0001-schema"]), pending: [] } },
    });
    expect(setting("ADMIN_TOKEN")).toMatchObject({ value: "set", source: "environment" });
    expect(setting("CLIENT_CACHE_TTL")).toMatchObject({ value: "00:05:00", source: "default" });
    expect(JSON.stringify(body)).not.toContain(ADMIN_TOKEN);
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

testOnce("more than 100 failed logins a minute get 429, and valid credentials are still accepted", async () => {
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
