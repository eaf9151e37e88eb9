/** The promise: a dataset is a kind of import that the operator defines once and grants to clients. */
import { admin, batchWhen, newClient } from "../helpers/http.ts";
import { asked, type Json, startAdmin, url } from "./admin.kit.ts";
import { gone, granted, grantPath, made, merge, orders, sent } from "./datasets.kit.ts";

startAdmin();

describe("a dataset", () => {
  test("is whole with its defaults, so that a GET can be PUT", async () => {
    const name = "customers";
    const put = await asked("PUT", `/datasets/${name}`, { maxErrors: 5 });
    expect(put.status).toBe(201);
    expect(put.body).toMatchObject({
      maxErrors: 5,
      description: null,
      read: null,
      formats: expect.any(Array),
      schema: {},
    });
    for (const field of ["name", "version", "rate", "webhook", "weight", "bytesPerDay"])
      expect(put.body).not.toHaveProperty(field);
    const got = await asked("GET", `/datasets/${name}`);
    expect([got.body, got.headers.get("etag")]).toEqual([put.body, put.headers.get("etag")]);
    const again = await asked("PUT", `/datasets/${name}`, got.body, { "if-match": String(got.headers.get("etag")) });
    expect(again).toMatchObject({ status: 200, body: got.body });
    expect(again.headers.get("etag")).toBe(got.headers.get("etag"));
  });

  test("has no new version where a change changes nothing", async () => {
    const name = await made({ schema: { properties: { a: {}, b: {} } } });
    const versions = async () => ((await asked("GET", `/datasets/${name}/versions`)).body.items as unknown[]).length;
    const { body } = await asked("GET", `/datasets/${name}`);
    expect(await asked("PUT", `/datasets/${name}`, body)).toMatchObject({ status: 200, body });
    expect(await asked("PATCH", `/datasets/${name}`, { maxErrors: body.maxErrors }, merge)).toMatchObject({ body });
    expect(await versions()).toBe(1);
    const turned = { ...body, schema: { properties: { b: {}, a: {} } } };
    expect((await asked("PUT", `/datasets/${name}`, turned)).headers.get("etag")).toBe('"2"');
    expect(await versions()).toBe(2);
  });

  test("is changed by a merge patch, and by who has seen its version", async () => {
    const name = await made();
    const etag = String((await asked("GET", `/datasets/${name}`)).headers.get("etag"));
    const patched = await asked("PATCH", `/datasets/${name}`, { maxErrors: 7, description: null }, merge);
    expect(patched).toMatchObject({ status: 200, body: { ...orders, maxErrors: 7, description: null } });
    const stale = { "if-match": etag };
    for (const method of ["PUT", "PATCH"])
      expect(await asked(method, `/datasets/${name}`, {}, stale)).toMatchObject({
        status: 412,
        body: { code: "precondition-failed" },
      });
    expect((await gone(`/datasets/${name}`, { headers: stale })).status).toBe(412);
    expect((await asked("PUT", `/datasets/${name}`, {}, { "if-match": "*" })).status).toBe(200);
    expect((await asked("PUT", "/datasets/never-made", {}, { "if-match": "*" })).status).toBe(412);
    expect((await asked("PUT", "/datasets/never-made", {}, { "if-match": '"1"' })).status).toBe(412);
    expect((await asked("GET", "/datasets/never-made")).status).toBe(404);
    expect((await asked("PATCH", "/datasets/never-made", {}, merge)).status).toBe(404);
  });

  test("a draft is checked as its PUT or PATCH would be, and nothing is written", async () => {
    const name = await made();
    const client = await granted(name, { maxErrors: 3 });
    const check = (draft: object) => asked("POST", "/datasets/check", draft);
    const { body: stored } = await asked("GET", `/datasets/${name}`);
    expect(await check({ dataset: { maxErrors: 5 } })).toMatchObject({
      status: 200,
      body: { maxErrors: 5, schema: {} },
    });
    expect(await check({ patch: { maxErrors: 7 }, name })).toMatchObject({
      status: 200,
      body: { ...orders, maxErrors: 7 },
    });
    const own = { patch: { description: null }, name, client: client.id };
    expect(await check(own)).toMatchObject({ body: { description: null, maxErrors: 3 } });
    expect(await check({ dataset: { schema: { type: 1 } } })).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: expect.stringMatching("^/dataset/schema") }] },
    });
    expect(await check({ patch: { maxErrors: "x" }, name })).toMatchObject({
      body: { errors: [{ pointer: "/patch/maxErrors" }] },
    });
    const wrong: [object, string][] = [
      [{}, ""],
      [{ dataset: {}, patch: {}, name }, ""],
      [{ patch: {} }, "/name"],
      [{ dataset: {}, client: "nobody" }, "/client"],
      [{ dataset: [] }, "/dataset"],
    ];
    for (const [draft, pointer] of wrong)
      expect(await check(draft)).toMatchObject({ status: 422, body: { errors: [{ pointer }] } });
    expect(await check({ patch: {}, name: "never-made" })).toMatchObject({ status: 404 });
    expect((await asked("GET", `/datasets/${name}`)).body).toEqual(stored);
    const { items } = (await asked("GET", "/datasets?limit=200")).body as { items: { name: string }[] };
    expect(items.filter((one) => one.name.startsWith("draft-"))).toEqual([]);
  });

  test.each(["Orders", "1st", "_x", "a.b", "a%20b", "a".repeat(65), "%C3%A4"])(
    "has another name than %s",
    async (name) => {
      expect(await asked("PUT", `/datasets/${name}`, {})).toMatchObject({
        status: 422,
        body: { code: "validation", errors: [{ pointer: "/name" }] },
      });
      expect((await asked("GET", `/datasets/${name}`)).status).toBe(404);
    },
  );

  test("is not named default, which is each client's own", async () => {
    const client = await newClient(url);
    expect(await asked("PUT", "/datasets/default", {})).toMatchObject({ status: 409, body: { code: "conflict" } });
    expect(await asked("PUT", grantPath(client, "default"), {})).toMatchObject({
      status: 409,
      body: { code: "conflict" },
    });
    expect((await asked("GET", "/datasets/default")).status).toBe(404);
    expect((await gone("/datasets/default")).status).toBe(404);
  });

  test("that is wrong is refused with pointers, and so are fields of clients", async () => {
    const wrong = { maxErrors: -1, rate: { requests: 5 }, weight: 2, schema: { type: "nothing" } };
    const { status, body } = await asked("PUT", "/datasets/wrong", wrong);
    const pointers = (body.errors as { pointer: string }[]).map(({ pointer }) => pointer);
    expect([status, pointers]).toEqual([422, expect.arrayContaining(["/maxErrors", "/rate", "/weight"])]);
    expect((await asked("GET", "/datasets/wrong")).status).toBe(404);
  });

  test("is listed by name, page by page", async () => {
    const name = await made();
    await granted(name);
    await granted(name);
    const items: Json[] = [];
    for (let next: unknown = ""; next !== null; ) {
      const { body } = await asked("GET", `/datasets?limit=2${next ? `&cursor=${next}` : ""}`);
      items.push(...(body.items as Json[]));
      next = body.next;
    }
    const listed = items.map((item) => String(item.name));
    expect(listed).toEqual([...new Set(listed)].sort());
    expect(items.find((item) => item.name === name)).toEqual({
      name,
      description: orders.description,
      version: 1,
      changedAt: expect.stringMatching(/Z$/),
      clients: 2,
    });
    expect((await asked("GET", "/datasets?cursor=abc")).status).toBe(422);
    expect((await asked("GET", "/datasets?limit=0")).status).toBe(422);
  });

  test("goes when nobody has it and its batches have ended, and begins anew under its name", async () => {
    const name = await made({ ...orders, requiresApproval: true, dedup: "reject", uniqueKey: "order_id" });
    const client = await granted(name);
    const { id } = await sent(client, name, '{"order_id":"a"}');
    const inTheWay = (clients: number, batches: number) => ({
      status: 409,
      body: { code: "conflict", clients, batches },
    });
    expect(await asked("DELETE", `/datasets/${name}`)).toMatchObject(inTheWay(1, 1));
    expect((await gone(grantPath(client, name))).status).toBe(204);
    expect(await asked("DELETE", `/datasets/${name}`)).toMatchObject(inTheWay(0, 1));
    await asked("POST", `/batches/${id}/approve`);
    expect((await batchWhen(url, client, id)).counts).toMatchObject({ accepted: 1 });
    expect(await gone(`/datasets/${name}`)).toEqual({ status: 204, text: "" });
    expect((await asked("GET", `/datasets/${name}`)).status).toBe(404);
    expect((await gone(`/datasets/${name}`)).status).toBe(404);
    expect((await asked("PUT", `/datasets/${name}`, { dedup: "reject", uniqueKey: "order_id" })).status).toBe(201);
    expect((await asked("GET", grantPath(client, name))).status).toBe(404);
    expect((await asked("PUT", grantPath(client, name), {})).status).toBe(201);
    const again = await sent(client, name, '{"order_id":"a"}');
    expect((await batchWhen(url, client, again.id)).counts).toMatchObject({ accepted: 1, duplicate: 0 });
  });

  test("has versions, which tell who changed what, and outlive it", async () => {
    const name = await made({ maxErrors: 5 });
    const path = `/datasets/${name}`;
    await asked("PATCH", path, { maxErrors: 7, description: "x" }, merge);
    expect((await gone(path)).status).toBe(204);
    await expect(asked("GET", path)).resolves.toMatchObject({ status: 404 });
    const at = expect.stringMatching(/Z$/);
    const { body } = await asked("GET", `${path}/versions`);
    expect(body).toEqual({
      items: [
        { version: 3, at, by: "admin", changed: [], deleted: true },
        { version: 2, at, by: "admin", changed: ["description", "maxErrors"] },
        { version: 1, at, by: "admin", changed: ["maxErrors"] },
      ],
      next: null,
    });
    const old = await asked("GET", `${path}?version=2`);
    expect(old).toMatchObject({ status: 200, body: { maxErrors: 7, description: "x", formats: expect.any(Array) } });
    expect(old.headers.get("etag")).toBe('"2"');
    for (const [version, detail] of [
      [3, `Version 3 deleted the dataset "${name}". Kept are 1 to 3.`],
      [4, `Version 4 of the dataset "${name}" is not kept. Kept are 1 to 3.`],
    ])
      expect(await asked("GET", `${path}?version=${version}`)).toMatchObject({
        status: 404,
        body: { code: "not-found", detail, kept: { from: 1, to: 3 } },
      });
    expect(await asked("PUT", path, old.body)).toMatchObject({ status: 201, body: old.body });
    expect((await asked("GET", `${path}/versions?limit=1`)).body.items).toEqual([
      { version: 4, at, by: "admin", changed: ["description", "maxErrors"] },
    ]);
  });
});

describe("a grant", () => {
  test("has an override, and tells what comes of it", async () => {
    const name = await made();
    const client = await newClient(url);
    const override = { maxErrors: 3, schema: { required: null } };
    const put = await asked("PUT", grantPath(client, name), override);
    expect(put).toMatchObject({ status: 201, body: { name, override, effective: { maxErrors: 3 } } });
    expect((put.body.effective as Json).schema).toEqual({ type: "object", properties: orders.schema.properties });
    expect((await asked("GET", grantPath(client, name))).body).toEqual(put.body);
    expect((await asked("GET", `/clients/${client.id}/datasets`)).body).toEqual({ items: [put.body], next: null });
    expect(await asked("PUT", grantPath(client, name), {})).toMatchObject({ status: 200, body: { override: {} } });
  });

  test("is of a dataset and a client that are there, with a body", async () => {
    const name = await made();
    const client = await newClient(url);
    expect((await asked("PUT", grantPath(client, "nobodys"), {})).status).toBe(404);
    expect(
      (await asked("PUT", grantPath({ ...client, id: "0193b2f0-0000-7000-8000-000000000000" }, name), {})).status,
    ).toBe(404);
    expect((await admin(url, grantPath(client, name), { method: "PUT" })).status).toBe(400);
    expect((await asked("GET", grantPath(client, name))).status).toBe(404);
    expect((await gone(grantPath(client, name))).status).toBe(404);
  });

  test.each([
    [{ maxErrors: -1 }, "/maxErrors"],
    [{ nothing: null }, "/nothing"],
    [{ backoff: { nothing: null } }, "/backoff/nothing"],
    [{ rate: { requests: 1 } }, "/rate"],
    [{ weight: null }, "/weight"],
    [{ handler: "testing.handle" }, "/handler"],
    [{ schema: { type: "nothing" } }, "/schema/type"],
  ])("with the override %j is refused", async (override, pointer) => {
    const name = await made();
    const client = await newClient(url);
    expect(await asked("PUT", grantPath(client, name), override)).toMatchObject({
      status: 422,
      body: { code: "validation", errors: [{ pointer }] },
    });
  });

  test("keeps its dataset from changes that make its override invalid", async () => {
    const name = await made({ backoff: { delayMs: 100, maxMs: 5_000 } });
    const client = await granted(name, { backoff: { delayMs: 4_000 } });
    await granted(name, {});
    const before = await asked("GET", `/datasets/${name}`);
    for (const [method, document] of [
      ["PUT", { backoff: { delayMs: 100, maxMs: 200 } }],
      ["PATCH", { backoff: { maxMs: 200 } }],
    ] as const)
      expect(await asked(method, `/datasets/${name}`, document)).toMatchObject({
        status: 409,
        body: { code: "conflict", overrides: [{ clientId: client.id, errors: [{ pointer: "/backoff/maxMs" }] }] },
      });
    const after = await asked("GET", `/datasets/${name}`);
    expect([after.body, after.headers.get("etag")]).toEqual([before.body, before.headers.get("etag")]);
  });
});
