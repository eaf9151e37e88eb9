/** The promise: a policy is what an operator wrote last; it is checked as a whole, and in force at once. */
import { accepted, batchWhen, get, newClient, post, type TestClient } from "../helpers/http.ts";
import { asked, startAdmin, url } from "./admin.kit.ts";

startAdmin();

describe("the policy", () => {
  const path = (client: TestClient) => `/clients/${client.id}/policy`;
  const merge = { "content-type": "application/merge-patch+json" };

  test("GET answers the whole policy with defaults, and its ETag works as If-Match", async () => {
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

  test("PUT replaces the policy: absent fields have their defaults, also within an object", async () => {
    const client = await newClient(url, { weight: 5, maxErrors: 9, rate: { requests: 1_000_000, windowSeconds: 90 } });
    const { body } = await asked("PUT", path(client), { rate: { requests: 1_000 } });
    expect(body).toMatchObject({ weight: 1, maxErrors: null, rate: { requests: 1_000, windowSeconds: 60 } });
  });

  test("PATCH merges into the policy, and null restores a default", async () => {
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
      formats: ["csv", "ndjson", "json", "xlsx"],
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

  test("a change of the policy is in force at once, and a refused change changes nothing", async () => {
    const client = await newClient(url);
    expect((await post(url, client, '{"a":1}')).status).toBe(202);
    await asked("PATCH", path(client), { formats: ["csv"] }, merge);
    expect((await post(url, client, '{"a":1}')).status).toBe(415);
    expect((await asked("PATCH", path(client), { formats: null, weight: 0 }, merge)).status).toBe(422);
    expect((await post(url, client, '{"a":1}')).status).toBe(415);
    expect(await (await get(url, client, "/policy")).json()).toEqual((await asked("GET", path(client))).body);
  });

  test("a batch runs under the policy that it was accepted under", async () => {
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

  test("a policy can only name an action that declares itself a handler", async () => {
    const client = await newClient(url);
    expect((await asked("PATCH", path(client), { handler: "testing.other" })).status).toBe(422);
    expect((await asked("PATCH", path(client), { handler: "testing.handle" })).body.handler).toBe("testing.handle");
  });
});
