/**
 * The promise: tokens of the company's own issuer log in operators and clients by their claims, also while the issuer is away.
 */
import { once } from "node:events";
import { request } from "node:http";
import { SignJWT, UnsecuredJWT } from "jose";
import type { Api } from "../../services/api/http/gateway.ts";
import { admin, newClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { type System, startSystem } from "../helpers/system.ts";
import { AUDIENCE, Issuer, inSeconds } from "./oidc.kit.ts";

const issuer = new Issuer();
let system: System;
const times = { refreshMs: 600_000, cooldownMs: 0, timeoutMs: 5_000 };
const systemOf = (settings: object, more: Record<string, string> = {}) =>
  startSystem({
    env: {
      LOG_LEVEL: "fatal",
      OIDC_ISSUER: issuer.url,
      OIDC_AUDIENCE: AUDIENCE,
      OIDC_ROLE_CLAIM: "realm_access.roles",
      OIDC_CLIENT_CLAIM: "azp",
      ...more,
    },
    settings: { api: { oidc: { ...times, ...settings } } },
  });
beforeAll(async () => {
  await issuer.start();
  system = await systemOf({});
});
afterAll(async () => {
  await system.stop();
  await issuer.stop();
});
afterEach(() => {
  issuer.isAway = false;
});

type Json = Record<string, unknown>;

async function asked(method: string, path: string, headers: Record<string, string>, body?: object, at = system) {
  const response = await fetch(`${at.url}${path}`, {
    method,
    headers: { ...(body && { "content-type": "application/json" }), ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: (text ? JSON.parse(text) : {}) as Json };
}
const codeOf = ({ status, body }: { status: number; body: Json }) => (status < 400 ? status : `${status} ${body.code}`);
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const roles = (...named: unknown[]) => ({ realm_access: { roles: named } });
const stats = async (token: string, at = system) =>
  codeOf(await asked("GET", "/admin/stats", bearer(token), undefined, at));

describe("operators", () => {
  test("the highest of the roles counts, and the audit has who it was", async () => {
    const token = await issuer.token({ ...roles("other", "viewer", "admin"), preferred_username: "alice" });
    const name = `by-oidc-${Date.now()}`;
    expect(codeOf(await asked("POST", "/admin/operators", bearer(token), { name, role: "viewer" }))).toBe(201);
    const { items } = (await (await admin(system.url, `/audit?subject=${name}`)).json()) as { items: Json[] };
    expect(items).toMatchObject([{ who: "oidc:alice/4711", role: "admin", action: "operator.create" }]);
    const viewer = await issuer.token({ realm_access: { roles: "viewer" } });
    expect(await stats(viewer)).toBe(200);
    expect(codeOf(await asked("POST", "/admin/operators", bearer(viewer), { name, role: "viewer" }))).toBe(
      "403 forbidden",
    );
  });

  test.each([
    ["no role", {}],
    ["an unknown role", roles("root", 7)],
    ["a role elsewhere", { roles: ["admin"] }],
  ])("%s is forbidden", async (_, claims) => {
    expect(await stats(await issuer.token(claims))).toBe("403 forbidden");
  });

  test("a token that is not this issuer's, not for us, or over is refused as a wrong one is", async () => {
    const right = roles("admin");
    const shared = new TextEncoder().encode("a secret that everybody knows, of 32 bytes");
    const claims = { iss: issuer.url, aud: AUDIENCE, sub: "1", exp: inSeconds(600), ...right };
    const good = await issuer.token(right);
    const [head, payload, signature = ""] = good.split(".");
    const other = new Issuer();
    await other.rotate();
    const wrong = {
      "another audience": await issuer.token({ ...right, aud: "another" }),
      "another issuer": await issuer.token({ ...right, iss: "https://login.example" }),
      "it is over": await issuer.token({ ...right, exp: inSeconds(-60) }),
      "it is not good yet": await issuer.token({ ...right, nbf: inSeconds(600) }),
      "no end": await issuer.token({ ...right, exp: undefined }),
      "no signature": new UnsecuredJWT(claims).encode(),
      "a shared secret": await new SignJWT(claims).setProtectedHeader({ alg: "HS256", kid: "key-1" }).sign(shared),
      "another's key": await other.token(
        { ...claims },
        JSON.parse(Buffer.from(head ?? "", "base64url").toString()).kid,
      ),
      "a changed signature": [head, payload, `${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`].join("."),
      "no token": "a.b.c",
      "a long one": `${good}${"A".repeat(9_000)}`,
    };
    expect(await stats(good)).toBe(200);
    for (const [what, token] of Object.entries(wrong))
      expect([what, await stats(token)]).toEqual([what, "401 unauthenticated"]);
  });
});

describe("clients", () => {
  test("a token is the client that its claim names, until that is disabled", async () => {
    const client = await newClient(system.url);
    const token = await issuer.token({ azp: client.identifier });
    expect(codeOf(await asked("GET", "/policy", bearer(token)))).toBe(200);
    expect(codeOf(await asked("GET", "/policy", { authorization: client.auth }))).toBe(200);
    for (const claims of [{}, { azp: "nobody-knows" }, { azp: [client.identifier] }])
      expect(codeOf(await asked("GET", "/policy", bearer(await issuer.token(claims))))).toBe("403 forbidden");
    const over = await issuer.token({ azp: client.identifier, exp: inSeconds(-60) });
    expect(codeOf(await asked("GET", "/policy", bearer(over)))).toBe("401 unauthenticated");
    // A token that names a client is not an operator.
    expect(await stats(token)).toBe("403 forbidden");
    await admin(system.url, `/clients/${client.id}`, { method: "PATCH", body: '{"status":"disabled"}' });
    expect(codeOf(await asked("GET", "/policy", bearer(token)))).toBe("403 client-disabled");
  });
});

test("a running upload ends with its token", async () => {
  const client = await newClient(system.url);
  const exp = inSeconds(300);
  const upload = request(`${system.url}/imports`, {
    method: "POST",
    headers: { ...bearer(await issuer.token({ azp: client.identifier, exp })), "content-type": "application/x-ndjson" },
  });
  upload.write('{"n":1}\n');
  const answered = once(upload, "response");
  const { admissions } = system.broker.getLocalService("api") as unknown as Api;
  const { perOwner } = admissions as unknown as { perOwner: Map<string, unknown> };
  await until(() => perOwner.size > 0);
  await admissions.recheckAll();
  // A token is accepted for half a minute longer, because clocks differ.
  const now = jest.spyOn(Date, "now").mockReturnValue((exp + 29) * 1000);
  await admissions.recheckAll();
  expect(perOwner.size).toBe(1);
  now.mockReturnValue((exp + 31) * 1000);
  await admissions.recheckAll();
  now.mockRestore();
  const [answer] = await answered;
  expect(answer.statusCode).toBe(401);
  answer.resume();
});

describe("sessions", () => {
  const login = (token: string) => asked("POST", "/session", { origin: system.url }, { token });
  const cookieOf = ({ headers }: { headers: Headers }) => headers.getSetCookie()[0]?.split(";")[0] as string;

  test("end no later than their token", async () => {
    const exp = inSeconds(300);
    const operator = await login(await issuer.token({ ...roles("operator"), email: "bob@example.com", exp }));
    const expiresAt = new Date(exp * 1000).toISOString();
    expect(operator.body).toEqual({ role: "operator", name: "oidc:bob@example.com/4711", expiresAt });
    const client = await newClient(system.url);
    const partner = await login(await issuer.token({ azp: client.identifier, exp }));
    expect(partner.body).toMatchObject({ role: "partner", client: { id: client.id }, expiresAt });
    const paths = { "/admin/stats": cookieOf(operator), "/policy": cookieOf(partner) };
    const found = async () => {
      const answers = Object.entries(paths).map(async ([path, cookie]) => codeOf(await asked("GET", path, { cookie })));
      return Promise.all(answers);
    };
    expect(await found()).toEqual([200, 200]);
    jest.spyOn(Date, "now").mockReturnValue(exp * 1000);
    expect(await found()).toEqual(["401 unauthenticated", "401 unauthenticated"]);
    jest.restoreAllMocks();
    expect(codeOf(await login(await issuer.token({})))).toBe("403 forbidden");
    expect(codeOf(await login("a.b.c"))).toBe("401 unauthenticated");
  });
});

describe("the issuer's keys", () => {
  test("another key is fetched once it signs, and what is made up is fetched seldom", async () => {
    const own = await systemOf({ cooldownMs: 60_000 });
    try {
      const before = issuer.fetched;
      const made = (kid: string) => issuer.token(roles("viewer"), kid);
      const tokens = await Promise.all(["a", "b", "c", "d"].map(made));
      const answers = await Promise.all(tokens.map((token) => stats(token, own)));
      expect([answers, issuer.fetched - before]).toEqual([tokens.map(() => "401 unauthenticated"), 1]);
      expect(await stats(await issuer.token(roles("viewer")), own)).toBe(200);
      expect(issuer.fetched - before).toBe(1);
    } finally {
      await own.stop();
    }
    const old = await issuer.token(roles("viewer"));
    expect(await stats(old)).toBe(200);
    await issuer.rotate();
    expect(await stats(await issuer.token(roles("viewer")))).toBe(200);
    expect(await stats(old)).toBe("401 unauthenticated");
  });

  test("while it is away known keys go on, and unknown ones are tried later", async () => {
    const own = await systemOf({});
    try {
      const token = await issuer.token(roles("viewer"));
      issuer.isAway = true;
      const early = await asked("GET", "/admin/stats", bearer(token), undefined, own);
      expect([codeOf(early), Number(early.headers.get("retry-after"))]).toEqual([
        "503 unavailable",
        expect.any(Number),
      ]);
      expect(Number(early.headers.get("retry-after"))).toBeGreaterThan(0);
      const others = [await issuer.token({ ...roles("viewer"), iss: "https://login.example" }), "a.b.c"];
      for (const other of others) expect(await stats(other, own)).toBe("401 unauthenticated");
      issuer.isAway = false;
      expect(await stats(token, own)).toBe(200);
      issuer.isAway = true;
      expect(await stats(token, own)).toBe(200);
      expect(await stats(await issuer.token(roles("viewer"), "new"), own)).toBe("503 unavailable");
      expect(await stats(token, own)).toBe(200);
    } finally {
      await own.stop();
    }
  });

  test("a key that the issuer has taken back is refused once its keys are fetched anew", async () => {
    const own = await systemOf({ refreshMs: 0 });
    try {
      const token = await issuer.token(roles("viewer"));
      expect(await stats(token, own)).toBe(200);
      await issuer.rotate();
      let answer = await stats(token, own);
      for (let i = 0; i < 50 && answer === 200; i++) answer = await stats(token, own);
      expect(answer).toBe("401 unauthenticated");
    } finally {
      await own.stop();
    }
  });
});

test("without OIDC_CLIENT_CLAIM tokens are no clients, and without OIDC_ISSUER none is known", async () => {
  const token = await issuer.token({ ...roles("viewer"), azp: "a-shop" });
  const none = await startSystem({ env: { LOG_LEVEL: "fatal" } });
  try {
    expect(await stats(token, none)).toBe("401 unauthenticated");
    expect(codeOf(await asked("GET", "/policy", bearer(token), undefined, none))).toBe("401 unauthenticated");
  } finally {
    await none.stop();
  }
});
