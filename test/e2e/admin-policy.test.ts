/** The promise: a policy is what an operator wrote last. It is checked as a whole, and takes effect at once. */

import { actors } from "../../services/actors.ts";
import { accepted, batchWhen, get, newClient, post, type TestClient } from "../helpers/http.ts";
import { asked, type Json, startAdmin, system, url } from "./admin.kit.ts";

startAdmin();

describe("the policy", () => {
  const path = (client: TestClient) => `/clients/${client.id}/policy`;
  const numberOf = async ({ id }: TestClient) =>
    (await actors.clientCache.get(system.broker, { publicId: id }))?.id as number;
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

  test("a change that changes nothing makes no version", async () => {
    const webhook = { url: "https://receiver.example/hooks" };
    const client = await newClient(url, { weight: 5, webhook });
    const { body, headers } = await asked("GET", path(client));
    const etag = String(headers.get("etag"));
    const { windowSeconds, requests } = body.rate as Record<string, number>;
    const unchanged = [
      await asked("PUT", path(client), body, { "if-match": etag }),
      await asked("PUT", path(client), { ...body, rate: { windowSeconds, requests } }),
      await asked("PATCH", path(client), { weight: 5, webhook }, merge),
      await asked("PATCH", path(client), {}, merge),
    ];
    for (const again of unchanged) {
      expect(again).toMatchObject({ status: 200, body });
      expect(again.headers.get("etag")).toBe(etag);
    }
    expect((await asked("GET", `${path(client)}/versions`)).body.items).toHaveLength(1);
    const audit = (await asked("GET", `/audit?action=policy.change&subject=${client.id}`)).body.items as Json[];
    expect(audit.length).toBeLessThanOrEqual(1);
    expect((await asked("PATCH", path(client), { weight: 6 }, merge)).headers.get("etag")).toBe('"2"');
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

  test("its versions tell who changed what, and each can be read again, until 100 newer ones are there", async () => {
    const client = await newClient(url, { weight: 2, maxErrors: 9 });
    await asked("PATCH", path(client), { maxErrors: null, webhook: { url: "https://partner.example/hook" } }, merge);
    // A change by DataFlow itself, without a request.
    await actors.policy.change(system.broker, {
      clientId: await numberOf(client),
      mode: "patch",
      document: { dedupHours: 48 },
    });
    const { body: list } = await asked("GET", `${path(client)}/versions`);
    const at = expect.stringMatching(/Z$/);
    expect(list).toEqual({
      items: [
        { version: 3, at, by: null, changed: ["dedupHours"] },
        { version: 2, at, by: "admin", changed: ["maxErrors", "webhook"] },
        { version: 1, at, by: "admin", changed: ["maxErrors", "rate", "weight"] },
      ],
      next: null,
    });
    const { body: first } = await asked("GET", `${path(client)}/versions?limit=2`);
    const { body: rest } = await asked("GET", `${path(client)}/versions?limit=2&cursor=${first.next}`);
    expect([first.items, rest]).toEqual([
      (list.items as Json[]).slice(0, 2),
      { items: (list.items as Json[]).slice(2), next: null },
    ]);
    const { body: others } = await asked("POST", "/clients", { clientIdentifier: "other-versions", name: "x" });
    const foreign = `/clients/${others.id}/policy/versions`;
    expect((await asked("GET", `${foreign}?cursor=${first.next}`)).status).toBe(422);
    expect((await asked("GET", foreign)).body).toEqual({ items: [], next: null });

    const old = await asked("GET", `${path(client)}?version=1`);
    expect(old).toMatchObject({ status: 200, body: { weight: 2, maxErrors: 9, webhook: null } });
    expect(old.headers.get("etag")).toBe('"1"');
    expect((await asked("GET", `${path(client)}?version=0`)).body).toMatchObject({ weight: 1, maxErrors: null });
    const current = await asked("GET", path(client));
    const same = await asked("GET", `${path(client)}?version=3`);
    expect([same.body, same.headers.get("etag")]).toEqual([current.body, current.headers.get("etag")]);
    expect(await asked("GET", `${path(client)}?version=4`)).toMatchObject({
      status: 404,
      body: {
        code: "not-found",
        detail: "Version 4 of this policy is not kept. Kept are 1 to 3.",
        kept: { from: 1, to: 3 },
      },
    });
    expect((await asked("GET", `${path({ id: String(others.id) } as TestClient)}?version=4`)).body).toMatchObject({
      code: "not-found",
      detail: "Version 4 of this policy is not kept. None is kept.",
    });
    const put = await asked("PUT", path(client), old.body, { "if-match": String(current.headers.get("etag")) });
    expect(put).toMatchObject({ status: 200, body: old.body });
    expect((await asked("GET", `${path(client)}/versions?limit=1`)).body.items).toMatchObject([
      { version: 4, changed: expect.arrayContaining(["maxErrors", "webhook"]) },
    ]);
  });
});
