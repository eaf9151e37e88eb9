/** Sessions: who gets one, what it may do, and when it ends. */
import { newClient } from "../helpers/http.ts";
import { ADMIN_TOKEN } from "../helpers/system.ts";
import { type Answer, asAdmin, asked, bearer, codeOf, newOperator, system } from "./operators.kit.ts";

export function sessionsAreLimited(): void {
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
      expect(codeOf(await asked("POST", "/admin/operators", here, { name: "x", role: "viewer" }))).toBe(
        "403 forbidden",
      );
      await asAdmin("POST", `/operators/${name}/rotate`);
      for (const path of ["/session", "/admin/stats"])
        expect(codeOf(await asked("GET", path, { cookie }))).toBe("401 unauthenticated");
    });

    test("a session says the earlier of its own end and that of what it began with, as it is now", async () => {
      const end = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();
      const [soon, sooner] = [end(10), end(5)];
      const { name, token } = await newOperator("viewer", { expiresAt: soon });
      const began = await login({ token });
      expect(began.body.expiresAt).toBe(soon);
      const now = async (cookie: string) => (await asked("GET", "/session", { cookie })).body.expiresAt as string;
      await asAdmin("PATCH", `/operators/${name}`, { expiresAt: sooner });
      expect(await now(cookieOf(began))).toBe(sooner);
      await asAdmin("PATCH", `/operators/${name}`, { expiresAt: end(10_000) });
      expect((await now(cookieOf(began))) < end(121)).toBe(true);
      const client = await newClient(system.url);
      const { body: key } = await asAdmin("POST", `/clients/${client.id}/keys`, { name: "brief", expiresAt: soon });
      const partner = await login({ clientIdentifier: client.identifier, secret: key.secret });
      expect([partner.body.expiresAt, await now(cookieOf(partner))]).toEqual([soon, soon]);
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
        secret: { createdAt: time, previousValidUntil: null },
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
      // A caller with an old secret cannot take the account over.
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
        // With `Basic` a browser would ask for a password.
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
        const changed = await asked(
          "POST",
          "/admin/operators",
          { cookie, ...headers },
          { name: "a/b", role: "viewer" },
        );
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
      const byTls = await login({ token: ADMIN_TOKEN }, { origin: system.url, "x-forwarded-proto": "https, http" });
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
}
