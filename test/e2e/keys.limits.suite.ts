/** The limits of a key: its time, its addresses and its scopes; and what ends when it ends. */
import { once } from "node:events";
import { request } from "node:http";
import type { WithDatabase } from "../../mixins/database.ts";
import { beyondKey, scopeOf } from "../../services/api/http/keys.ts";
import { clientRoutes } from "../../services/api/routes/routes.clients.ts";
import { accepted, newClient, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { type Answer, asAdmin, asked, codeOf, type Key, keyOf, policyBy, system } from "./keys.kit.ts";

interface Entry {
  action: string;
  status: string;
  who: string;
  address: string;
  subject: object;
  change: { key: { id: string; name: string }; why: string; count: number };
}

/** The audit's entries about refusals of this key. */
async function refusals(client: TestClient, key: Key): Promise<Entry[]> {
  const { body } = await asAdmin("GET", `/audit?action=key.refused&subject=${client.id}`);
  return (body.items as Entry[]).filter(({ change }) => change.key.id === key.id);
}

export function keysAreLimited(): void {
  describe("what a key is good for", () => {
    test("a key that is over is refused as a wrong secret is, and the audit has why", async () => {
      const client = await newClient(system.url);
      const end = Date.now() + 3_600_000;
      const key = await keyOf(client, { expiresAt: new Date(end).toISOString() });
      expect(await policyBy(key.auth)).toBe(200);
      const wrong = await asked("GET", "/policy", { authorization: `${client.auth.slice(0, -8)}AAAAAAAA` });
      jest.spyOn(Date, "now").mockReturnValue(end);
      const over = await asked("GET", "/policy", { authorization: key.auth, "x-forwarded-for": "198.51.100.7" });
      jest.restoreAllMocks();
      const plain = ({ body: { instance, requestId, ...rest } }: Answer) => rest;
      expect([over.status, plain(over)]).toEqual([401, plain(wrong)]);
      const [entry] = await until(async () => {
        const found = await refusals(client, key);
        return found.length > 0 && found;
      });
      expect(entry).toMatchObject({
        status: "unauthenticated",
        who: client.identifier,
        address: "198.51.100.7",
        subject: { type: "client", id: client.id, name: client.identifier },
        change: { key: { id: key.id }, why: "expired", count: 1 },
      });
      const { body } = await asAdmin("GET", "/audit?action=login.failed");
      await until(() => (body.items as Entry[]).length > 0);
    });

    test("a key is for its addresses alone, as trusted proxies name them", async () => {
      const client = await newClient(system.url);
      const allowedCidrs = ["192.0.2.0/24", "2001:db8::7", "::ffff:198.51.100.0/120"];
      const key = await keyOf(client, { allowedCidrs });
      expect((await asAdmin("GET", key.path)).body.allowedCidrs).toEqual([
        "192.0.2.0/24",
        "2001:db8::7/128",
        "198.51.100.0/24",
      ]);
      const table: [string, number | string][] = [
        ["192.0.2.200", 200],
        ["::ffff:192.0.2.1", 200],
        ["198.51.100.9", 200],
        ["2001:db8::7", 200],
        ["2001:db8::8", "401 unauthenticated"],
        ["192.0.3.1", "401 unauthenticated"],
        ["192.0.2.1, 203.0.113.1", "401 unauthenticated"],
        ["192.0.2.1, nonsense", "401 unauthenticated"],
      ];
      for (const [from, expected] of table) expect([from, await policyBy(key.auth, from)]).toEqual([from, expected]);
      expect([await policyBy(key.auth), await policyBy(client.auth)]).toEqual(["401 unauthenticated", 200]);
      await until(async () => {
        const found = await refusals(client, key);
        return found.some(({ address, change }) => address === "192.0.3.1" && change.why === "address");
      });
    });

    test("a key is for the calls of its scopes", async () => {
      const client = await newClient(system.url);
      const [reads, imports] = [await keyOf(client, { scopes: ["read"] }), await keyOf(client, { scopes: ["import"] })];
      const { id } = await accepted(system.url, { ...client, auth: imports.auth }, '{"n":1}\n');
      expect(codeOf(await asked("GET", `/imports/${id}`, { authorization: reads.auth }))).toBe(200);
      const json = { "content-type": "application/x-ndjson" };
      const refused = await asked("POST", "/imports", { authorization: reads.auth, ...json }, '{"n":2}\n');
      expect([refused.status, refused.body]).toEqual([
        403,
        expect.objectContaining({
          code: "forbidden",
          detail: "This is for keys with the scope import; yours has read.",
        }),
      ]);
      expect(await policyBy(imports.auth)).toBe("403 forbidden");
      await until(async () => {
        const found = [...(await refusals(client, reads)), ...(await refusals(client, imports))];
        return (
          found.length === 2 && found.every(({ status, change }) => status === "forbidden" && change.why === "scope")
        );
      });
    });

    test("reads are for read, all else is for import", () => {
      for (const route of Object.keys(clientRoutes))
        expect([route, scopeOf(route)]).toEqual([route, route.startsWith("GET ") ? "read" : "import"]);
    });
  });

  test("a key that can be taken away does not change the client's own secret", () => {
    const key = { id: "a", name: "a", createdAt: 0, expiresAt: null, allowedCidrs: null, scopes: null };
    expect(beyondKey(key, "POST /account/rotate-secret")?.message).toBe('This is for the key "default" alone.');
    expect(beyondKey(undefined, "POST /account/rotate-secret")).toBeNull();
    expect(beyondKey(key, "GET /account")).toBeNull();
  });

  describe("what ends with a key", () => {
    const login = async (client: TestClient, { secret }: Key, headers = {}) => {
      const body = JSON.stringify({ clientIdentifier: client.identifier, secret });
      return asked("POST", "/session", { "content-type": "application/json", origin: system.url, ...headers }, body);
    };
    const cookieOf = ({ headers }: Answer) => headers.getSetCookie()[0]?.split(";")[0] as string;

    test("a session has the key's scopes, and ends with the key or out of its range", async () => {
      const client = await newClient(system.url);
      const key = await keyOf(client, { scopes: ["read"], allowedCidrs: ["192.0.2.0/24"] });
      const here = { "x-forwarded-for": "192.0.2.1" };
      expect(codeOf(await login(client, key))).toBe("401 unauthenticated");
      const began = await login(client, key, here);
      expect(began.body).toMatchObject({ role: "partner", scopes: ["read"] });
      const cookie = cookieOf(began);
      expect(codeOf(await asked("GET", "/policy", { cookie, ...here }))).toBe(200);
      const posted = { cookie, ...here, origin: system.url, "content-type": "application/x-ndjson" };
      expect(codeOf(await asked("POST", "/imports", posted, '{"n":1}'))).toBe("403 forbidden");
      for (const path of ["/policy", "/session"])
        expect(codeOf(await asked("GET", path, { cookie, "x-forwarded-for": "192.0.9.1" }))).toBe(
          "401 unauthenticated",
        );
      await asAdmin("DELETE", key.path);
      for (const path of ["/policy", "/session"])
        expect(codeOf(await asked("GET", path, { cookie, ...here }))).toBe("401 unauthenticated");
    });

    test("a running upload is refused when its key is deleted, and goes on when another one is", async () => {
      const client = await newClient(system.url);
      const [key, other] = [await keyOf(client, { allowedCidrs: ["127.0.0.1"] }), await keyOf(client)];
      const begun = (auth: string, name: string) => {
        const upload = request(`${system.url}/imports`, {
          method: "POST",
          headers: { authorization: auth, "content-type": "application/x-ndjson", "idempotency-key": name },
        });
        upload.write('{"n":1}\n');
        return upload;
      };
      const [first, second] = [begun(key.auth, "a"), begun(other.auth, "b")];
      const { database } = system.broker.getLocalService("clientCache") as unknown as WithDatabase;
      await until(async () => {
        const [rows] = await database.sequelize.query("SELECT id FROM batch WHERE state = 'receiving'");
        return rows.length === 2;
      });
      const answered = once(first, "response");
      await asAdmin("DELETE", key.path);
      const [answer] = await answered;
      expect(answer.statusCode).toBe(401);
      answer.resume();
      const went = once(second, "response");
      second.end('{"n":2}\n');
      const [taken] = await went;
      expect(taken.statusCode).toBe(202);
      taken.resume();
    });
  });
}
