/** The promise: an operator may do what its role allows, by its token or by a session, and a change of it holds at once. */
import { operatorRoutes } from "../../services/api/routes/routes.operators.ts";
import type { OperatorRole } from "../../services/operator/operator.domain.ts";
import { newClient } from "../helpers/http.ts";
import { ADMIN_TOKEN, type System, startSystem } from "../helpers/system.ts";

let system: System;
beforeAll(async () => {
  system = await startSystem({ env: { LOG_LEVEL: "fatal", PARTNERS_ROTATE: "true" } });
});
afterAll(() => system.stop());

type Json = Record<string, unknown>;
interface Answer {
  status: number;
  body: Json;
  headers: Headers;
}

const sent = (method: string, path: string, headers: Record<string, string>, body?: unknown): Promise<Response> =>
  fetch(`${system.url}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

async function asked(method: string, path: string, headers: Record<string, string>, body?: unknown): Promise<Answer> {
  const response = await sent(method, path, headers, body);
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : {} };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const asAdmin = (method: string, path: string, body?: unknown) =>
  asked(method, `/admin${path}`, bearer(ADMIN_TOKEN), body);

let made = 0;

async function newOperator(role: OperatorRole, more: object = {}): Promise<{ name: string; token: string }> {
  const name = `${role}-${++made}`;
  const { status, body } = await asAdmin("POST", "/operators", { name, role, ...more });
  expect(status).toBe(201);
  return { name, token: body.token as string };
}

const codeOf = ({ status, body }: Answer) => (status < 400 ? status : `${status} ${body.code}`);
const reads = async (token: string) => codeOf(await asked("GET", "/admin/stats", bearer(token)));

describe("operators", () => {
  test("only the answers that make a token show it", async () => {
    const { status, headers, body } = await asAdmin("POST", "/operators", {
      name: "alice@example.com",
      role: "viewer",
    });
    expect([status, headers.get("location")]).toEqual([201, "/admin/operators/alice%40example.com"]);
    const { token, ...alice } = body;
    expect(token).toMatch(/^dfo_[a-z0-9]{12}_[\w-]{43}$/);
    const time = expect.stringMatching(/^\d{4}-.*Z$/);
    expect(alice).toEqual({ name: "alice@example.com", role: "viewer", expiresAt: null, createdAt: time });
    const path = "/operators/alice%40example.com";
    expect((await asAdmin("GET", path)).body).toEqual(alice);
    const list = await asAdmin("GET", "/operators");
    expect(list.body).toEqual({ items: [alice], next: null });
    const end = "2099-01-01T00:00:00.000Z";
    expect((await asAdmin("PATCH", path, { expiresAt: end })).body).toEqual({ ...alice, expiresAt: end });
    const rotated = await asAdmin("POST", `${path}/rotate`);
    expect(rotated.body).toEqual({ ...alice, expiresAt: end, token: expect.stringMatching(/^dfo_/) });
    expect([await reads(token as string), await reads(rotated.body.token as string)]).toEqual([
      "401 unauthenticated",
      200,
    ]);
    expect(codeOf(await asAdmin("DELETE", path))).toBe(204);
    expect(await reads(rotated.body.token as string)).toBe("401 unauthenticated");
    for (const [method, more] of [
      ["GET", ""],
      ["PATCH", ""],
      ["DELETE", ""],
      ["POST", "/rotate"],
    ] as const)
      expect(codeOf(await asAdmin(method, `${path}${more}`, method === "GET" ? undefined : {}))).toBe("404 not-found");
    expect((await asAdmin("GET", "/operators")).body).toEqual({ items: [], next: null });
    expect(codeOf(await asAdmin("POST", "/operators", { name: "alice@example.com", role: "admin" }))).toBe(201);
    expect(await reads(rotated.body.token as string)).toBe("401 unauthenticated");
  });

  test.each([
    ["the name of one that exists", { name: "twice", role: "viewer" }, "409 conflict", undefined],
    ["the name of the first operator", { name: "admin", role: "viewer" }, "409 conflict", undefined],
    ["a name with a slash", { name: "a/b", role: "viewer" }, "422 validation", "/name"],
    ["an unknown role", { name: "a", role: "root" }, "422 validation", "/role"],
    ["no role", { name: "a" }, "422 validation", "/role"],
    [
      "an end that has passed",
      { name: "a", role: "viewer", expiresAt: "2020-01-01T00:00:00Z" },
      "422 validation",
      "/expiresAt",
    ],
    [
      "an end without an offset",
      { name: "a", role: "viewer", expiresAt: "2099-01-01" },
      "422 validation",
      "/expiresAt",
    ],
    ["a token of its own", { name: "a", role: "viewer", token: "mine" }, "422 validation", "/token"],
  ])("refuses %s", async (_, body, code, pointer) => {
    await asAdmin("POST", "/operators", { name: "twice", role: "viewer" });
    const answer = await asAdmin("POST", "/operators", body);
    expect(codeOf(answer)).toBe(code);
    if (pointer) expect(answer.body.errors).toEqual([expect.objectContaining({ pointer })]);
  });

  test("a choice that is not known is refused with those that are", async () => {
    const { body } = await asAdmin("POST", "/operators", { name: "a", role: "root" });
    expect(body.errors).toEqual([{ pointer: "/role", detail: "expected one of viewer, operator, admin" }]);
  });

  test("a token ends at its time, and the role of the moment counts", async () => {
    const { name, token } = await newOperator("viewer");
    const change = () => asked("POST", "/admin/operators", bearer(token), { name: `by-${name}`, role: "viewer" });
    expect((await change()).body).toMatchObject({
      code: "forbidden",
      detail: "This is for the role admin; yours is viewer.",
    });
    await asAdmin("PATCH", `/operators/${name}`, { role: "admin" });
    expect(codeOf(await change())).toBe(201);
    await system.broker.call("operator.update", { name, expiresAt: Date.now() - 1 });
    expect(await reads(token)).toBe("401 unauthenticated");
    await asAdmin("PATCH", `/operators/${name}`, { expiresAt: null });
    expect(await reads(token)).toBe(200);
  });

  /** The least role of each route, as it is promised. */
  const least = (method: string, path: string): OperatorRole => {
    if (method === "GET" || /^\/(datasets|policy)\/(check|:name\/try)$/.test(path)) return "viewer";
    return /^\/(batches|deliveries|nodes|caches)\/|\/webhook\/test$/.test(path) ? "operator" : "admin";
  };
  const order: OperatorRole[] = ["viewer", "operator", "admin"];

  test("each route is for its least role and those above it", async () => {
    const tokens = await Promise.all(order.map(async (role) => ({ role, ...(await newOperator(role)) })));
    for (const route of Object.keys(operatorRoutes)) {
      const [method = "", path = ""] = route.split(" ");
      // What has no such id, or a wrong body, is refused only after the role was looked at.
      const there = path.replace(":id", "0193b2f0-0000-7000-8000-000000000000").replace(/:(name|node)/, "nothing");
      for (const { role, token } of tokens) {
        const body = method === "GET" ? undefined : { wrong: true };
        const response = await sent(method, `/admin${there}`, bearer(token), body);
        // An event stream has no end of its own.
        await response.body?.cancel();
        const { status } = response;
        const isAllowed = order.indexOf(role) >= order.indexOf(least(method, path));
        expect([route, role, status === 403]).toEqual([route, role, !isAllowed]);
      }
    }
  });
});

describe("sessions", () => {
  const login = (body: object, headers: Record<string, string> = { origin: system.url }) =>
    asked("POST", "/session", headers, body);
  const cookieOf = ({ headers }: Answer) => headers.getSetCookie()[0]?.split(";")[0] as string;
  const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

  test("an operator's session has the operator's role, and ends with its token", async () => {
    const { name, token } = await newOperator("viewer");
    const began = await login({ token });
    expect(began.body).toEqual({ role: "viewer", name, expiresAt: expect.any(String) });
    expect((began.body.expiresAt as string) > inAnHour()).toBe(true);
    expect(began.headers.getSetCookie()[0]).toMatch(
      /^dataflow_session=[\w-]+; HttpOnly; SameSite=Strict; Path=\/; Max-Age=7\d{3}$/,
    );
    const cookie = cookieOf(began);
    expect(cookie).not.toContain(token);
    expect((await asked("GET", "/session", { cookie })).body).toMatchObject({ role: "viewer", name });
    expect(codeOf(await asked("GET", "/admin/stats", { cookie }))).toBe(200);
    const here = { cookie, "sec-fetch-site": "same-origin" };
    expect(codeOf(await asked("POST", "/admin/operators", here, { name: "x", role: "viewer" }))).toBe("403 forbidden");
    await asAdmin("POST", `/operators/${name}/rotate`);
    for (const path of ["/session", "/admin/stats"])
      expect(codeOf(await asked("GET", path, { cookie }))).toBe("401 unauthenticated");
  });

  test("a partner's session is for its own calls, and ends with the secret or the client", async () => {
    const client = await newClient(system.url);
    const credentials = { clientIdentifier: client.identifier, secret: client.secret };
    const began = await login(credentials);
    expect(began.body).toMatchObject({ role: "partner", name: client.identifier, client: { id: client.id } });
    const cookie = cookieOf(began);
    expect(codeOf(await asked("GET", "/policy", { cookie }))).toBe(200);
    expect(codeOf(await asked("GET", "/admin/stats", { cookie }))).toBe("401 unauthenticated");
    const { body } = await asAdmin("POST", `/clients/${client.id}/rotate-secret`, { graceSeconds: 0 });
    for (const path of ["/session", "/policy"])
      expect(codeOf(await asked("GET", path, { cookie }))).toBe("401 unauthenticated");
    const again = cookieOf(await login({ ...credentials, secret: body.secret }));
    await asAdmin("PATCH", `/clients/${client.id}`, { status: "disabled" });
    expect(codeOf(await asked("GET", "/policy", { cookie: again }))).toBe("403 client-disabled");
    expect(codeOf(await asked("GET", "/session", { cookie: again }))).toBe("401 unauthenticated");
    expect(codeOf(await login({ ...credentials, secret: body.secret }))).toBe("403 client-disabled");
  });

  test("a partner sees how old its secrets are, and rotates its own by the newest one alone", async () => {
    const webhook = { url: "https://receiver.example/hooks?token=x" };
    const client = await newClient(system.url, { webhook });
    const account = async (headers: Record<string, string>) => (await asked("GET", "/account", headers)).body;
    const first = await account({ authorization: client.auth });
    const time = expect.stringMatching(/^\d{4}-.*Z$/);
    expect(first).toEqual({
      id: client.id,
      clientIdentifier: client.identifier,
      name: expect.any(String),
      status: "active",
      createdAt: time,
      features: { rotateSecret: true },
      key: { name: "default", expiresAt: null, scopes: ["import", "read"] },
      secret: { previousValidUntil: null },
      webhook: {
        url: "https://receiver.example/hooks?…",
        events: ["batch.completed"],
        secret: { createdAt: time, previousValidUntil: null },
      },
    });
    await asAdmin("POST", `/clients/${client.id}/rotate-webhook-secret`);
    const rotate = (headers: Record<string, string>, body?: object) =>
      asked("POST", "/account/rotate-secret", headers, body);
    const { body: rotated } = await rotate({ authorization: client.auth });
    expect(rotated).toEqual({ secret: expect.any(String), previousValidUntil: time });
    expect(await account({ authorization: client.auth })).toMatchObject({
      secret: { previousValidUntil: rotated.previousValidUntil },
      webhook: { secret: { previousValidUntil: time } },
    });
    // Whoever has the old secret cannot take the account over.
    expect(codeOf(await rotate({ authorization: client.auth }))).toBe("403 forbidden");
    expect(codeOf(await rotate({ authorization: client.auth }, { graceSeconds: -1 }))).toBe("422 validation");
    const cookie = cookieOf(await login({ clientIdentifier: client.identifier, secret: rotated.secret }));
    expect(codeOf(await rotate({ cookie, origin: "http://evil.example" }))).toBe("403 cross-site");
    const again = await rotate({ cookie, origin: system.url }, { graceSeconds: 0 });
    expect(codeOf(await asked("GET", "/account", { cookie }))).toBe("401 unauthenticated");
    expect(await account({ cookie: cookieOf(again) })).toMatchObject({ secret: { previousValidUntil: null } });
    const { body: audit } = await asAdmin("GET", `/audit?subject=${client.id}&action=client.rotate-secret`);
    expect(audit.items).toMatchObject(
      [0, 86_400].map((grace) => ({
        who: client.identifier,
        role: "partner",
        change: { "/graceSeconds": [null, grace] },
      })),
    );
    const text = JSON.stringify([first, audit]);
    for (const secret of [client.secret, rotated.secret as string, again.body.secret as string, "whsec_"])
      expect(text).not.toContain(secret);
  });

  test("reads of a session take nothing from the client's own requests", async () => {
    const client = await newClient(system.url, { rate: { requests: 5, windowSeconds: 3_600 } });
    const cookie = cookieOf(await login({ clientIdentifier: client.identifier, secret: client.secret }));
    const left = async (headers: Record<string, string>) =>
      (await asked("GET", "/policy", headers)).headers.get("ratelimit")?.split(";")[1];
    expect([await left({ cookie }), await left({ cookie })]).toEqual(["r=239", "r=238"]);
    expect(await left({ authorization: client.auth })).toBe("r=4");
    const written = await asked("POST", "/imports/check", { cookie, origin: system.url }, [{}]);
    expect(written.headers.get("ratelimit")).toMatch(/^"requests";r=3;/);
  });

  test("wrong credentials make no session", async () => {
    const client = await newClient(system.url);
    for (const body of [
      { token: "wrong" },
      { token: `dfo_${"a".repeat(12)}_${"b".repeat(43)}` },
      { clientIdentifier: client.identifier, secret: "wrong" },
    ]) {
      const answer = await login(body);
      expect([codeOf(answer), answer.headers.getSetCookie()]).toEqual(["401 unauthenticated", []]);
      // Basic would make a browser ask for a password.
      expect(answer.headers.get("www-authenticate")).toMatch(/^Session /);
    }
    for (const body of [{}, { token: 1 }, { token: ADMIN_TOKEN, name: "x" }, []])
      expect(codeOf(await login(body))).toBe("422 validation");
  });

  test("a cookie that was changed, or made under another key, is none", async () => {
    const cookie = cookieOf(await login({ token: ADMIN_TOKEN }));
    expect(codeOf(await asked("GET", "/admin/stats", { cookie }))).toBe(200);
    const other = cookie[60] === "A" ? "B" : "A";
    const wrong = [
      `${cookie.slice(0, 60)}${other}${cookie.slice(61)}`,
      "dataflow_session=",
      "dataflow_session=abc",
      `${cookie}${"A".repeat(3_000)}`,
    ];
    for (const one of wrong)
      expect(codeOf(await asked("GET", "/admin/stats", { cookie: one }))).toBe("401 unauthenticated");
    expect(codeOf(await asked("GET", "/admin/stats", { cookie: `other=1; ${cookie}; more=2` }))).toBe(200);
  });

  test("with a session only a page of this host changes anything", async () => {
    const cookie = cookieOf(await login({ token: ADMIN_TOKEN }));
    const { host } = new URL(system.url);
    const from: [Record<string, string>, boolean][] = [
      [{ "sec-fetch-site": "same-origin" }, true],
      [{ origin: `http://${host}` }, true],
      [{ origin: `https://${host}` }, true],
      [{}, false],
      [{ origin: "null" }, false],
      [{ origin: "http://evil.example" }, false],
      [{ origin: `http://${host}.evil.example` }, false],
      [{ "sec-fetch-site": "same-site" }, false],
      [{ "sec-fetch-site": "none" }, false],
      [{ "sec-fetch-site": "cross-site", origin: `http://${host}` }, false],
    ];
    for (const [headers, isAllowed] of from) {
      const changed = await asked("POST", "/admin/operators", { cookie, ...headers }, { name: "a/b", role: "viewer" });
      expect([headers, codeOf(changed)]).toEqual([headers, isAllowed ? "422 validation" : "403 cross-site"]);
      expect(codeOf(await login({ token: ADMIN_TOKEN }, headers))).toBe(isAllowed ? 200 : "403 cross-site");
      expect(codeOf(await asked("DELETE", "/session", { cookie, ...headers }))).toBe(
        isAllowed ? 204 : "403 cross-site",
      );
      expect(codeOf(await asked("GET", "/admin/stats", { cookie, ...headers }))).toBe(200);
    }
  });

  test("Authorization goes before the cookie", async () => {
    const cookie = cookieOf(await login({ token: ADMIN_TOKEN }));
    expect(codeOf(await asked("GET", "/admin/stats", { cookie, ...bearer("wrong") }))).toBe("401 unauthenticated");
    const { token } = await newOperator("viewer");
    expect(codeOf(await asked("POST", "/admin/operators", { cookie, ...bearer(token) }, {}))).toBe("403 forbidden");
  });

  test("the cookie is for TLS alone where the login came by it, and goes at the end", async () => {
    const byTls = await login({ token: ADMIN_TOKEN }, { origin: system.url, "x-forwarded-proto": "https" });
    expect(byTls.headers.getSetCookie()[0]).toMatch(/; Secure$/);
    const ended = await asked("DELETE", "/session", { origin: system.url });
    expect([ended.status, ended.headers.getSetCookie()]).toEqual([
      204,
      ["dataflow_session=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0"],
    ]);
  });

  test("a page that asks without a session is told so without a browser's own question", async () => {
    const byPage = await asked("GET", "/imports", { "sec-fetch-site": "same-origin" });
    expect([codeOf(byPage), byPage.headers.get("www-authenticate")]).toEqual([
      "401 unauthenticated",
      'Session realm="dataflow"',
    ]);
    const typed = await asked("GET", "/imports", { "sec-fetch-site": "none" });
    expect(typed.headers.get("www-authenticate")).toMatch(/^Basic /);
  });
});
