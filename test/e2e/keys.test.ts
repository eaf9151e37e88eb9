import type { WithDatabase } from "../../mixins/database.ts";
import { newClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { asAdmin, codeOf, keyOf, policyBy, startKeys, system } from "./keys.kit.ts";
import { keysAreLimited } from "./keys.limits.suite.ts";

startKeys();

describe("keys", () => {
  test("only the answer that makes a key has its secret, and any of them is good", async () => {
    const client = await newClient(system.url);
    const path = `/clients/${client.id}/keys`;
    const expiresAt = "2099-01-01T00:00:00.000Z";
    const answer = await asAdmin("POST", path, { name: "nightly", expiresAt, scopes: ["read", "import"] });
    const { secret, ...nightly } = answer.body as { secret: string; id: string };
    expect(answer.status).toBe(201);
    expect(answer.headers.get("location")).toBe(`/admin${path}/${nightly.id}`);
    expect(secret).toMatch(/^[\w-]{43}$/);
    const time = expect.stringMatching(/^\d{4}-.*Z$/);
    expect(nightly).toEqual({
      id: expect.stringMatching(/^[\da-f-]{36}$/),
      name: "nightly",
      createdAt: time,
      expiresAt,
      allowedCidrs: null,
      scopes: ["read", "import"],
      lastUsedAt: null,
    });
    expect((await asAdmin("GET", `${path}/${nightly.id}`)).body).toEqual(nightly);
    const own = { id: "default", name: "default", createdAt: time, expiresAt: null, allowedCidrs: null };
    const list = await asAdmin("GET", path);
    expect(list.body).toEqual({
      items: [{ ...own, scopes: ["import", "read"], lastUsedAt: null }, nightly],
      next: null,
    });
    const auth = `Basic ${Buffer.from(`${client.identifier}:${secret}`).toString("base64")}`;
    expect([await policyBy(auth), await policyBy(client.auth)]).toEqual([200, 200]);
    await asAdmin("POST", `/clients/${client.id}/rotate-secret`, { graceSeconds: 0 });
    expect([await policyBy(auth), await policyBy(client.auth)]).toEqual([200, "401 unauthenticated"]);
    expect(codeOf(await asAdmin("DELETE", `${path}/${nightly.id}`))).toBe(204);
    expect(await policyBy(auth)).toBe("401 unauthenticated");
    for (const method of ["GET", "DELETE"])
      expect(codeOf(await asAdmin(method, `${path}/${nightly.id}`))).toBe("404 not-found");
    expect(codeOf(await asAdmin("DELETE", `${path}/default`))).toBe("409 conflict");
  });

  test("a key is found among those of its client alone", async () => {
    const [client, other] = [await newClient(system.url, {}), await newClient(system.url, {})];
    const key = await keyOf(client);
    for (const method of ["GET", "DELETE"])
      expect(codeOf(await asAdmin(method, `/clients/${other.id}/keys/${key.id}`))).toBe("404 not-found");
    expect(codeOf(await asAdmin("GET", key.path))).toBe(200);
  });

  test("a name is taken once, and a client has a bounded number of keys", async () => {
    const client = await newClient(system.url);
    for (let i = 0; i < 20; i++) await keyOf(client, { name: `n${i}` });
    const post = async (name: string) => asAdmin("POST", `/clients/${client.id}/keys`, { name });
    for (const name of ["n7", "default"])
      expect((await post(name)).body).toMatchObject({ code: "conflict", detail: expect.stringContaining(name) });
    expect((await post("n20")).body).toMatchObject({ code: "conflict", detail: expect.stringContaining("20 keys") });
    const { body } = await asAdmin("GET", `/clients/${client.id}/keys`);
    expect(body.items).toHaveLength(21);
  });

  test("when it was last used is known to the minute", async () => {
    const client = await newClient(system.url);
    const key = await keyOf(client);
    const began = Date.now();
    await policyBy(key.auth);
    const used = (id: string) =>
      until(async () => {
        const { body } = await asAdmin("GET", `/clients/${client.id}/keys/${id}`);
        return body.lastUsedAt as string | null;
      });
    const at = await used(key.id);
    expect(at).toMatch(/:00\.000Z$/);
    expect(Date.parse(at)).toBeGreaterThan(began - 60_000);
    expect(Date.parse(at)).toBeLessThanOrEqual(Date.now());
    await policyBy(client.auth);
    expect(await used("default")).toMatch(/:00\.000Z$/);
    const { database } = system.broker.getLocalService("clientCache") as unknown as WithDatabase;
    const rows = async () =>
      (await database.sequelize.query("SELECT key_id FROM client_key_use WHERE key_id <> 'default'"))[0];
    expect(JSON.stringify(await rows())).toContain(key.id);
    await asAdmin("DELETE", `/clients/${client.id}/keys/${key.id}`);
    expect(JSON.stringify(await rows())).not.toContain(key.id);
  });

  test("whoever cannot write when it was used is served all the same", async () => {
    const client = await newClient(system.url);
    const { store } = (system.broker.getLocalService("clientCache") as unknown as WithDatabase).database;
    const note = jest.spyOn(store, "noteKeyUse").mockRejectedValue(new Error("away"));
    const key = await keyOf(client);
    expect(await policyBy(key.auth)).toBe(200);
    await until(() => note.mock.calls.some(([, id]) => id === key.id));
    expect(await policyBy(key.auth)).toBe(200);
  });
});

keysAreLimited();
