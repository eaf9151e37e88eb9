/** The promise: what a client sees over HTTP of its batches, its rate and the node's health is what the page /docs says. */
import { createHash } from "node:crypto";
import { accepted, admin, type Batch, batchWhen, get, newClient, post, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { type System, startSystem } from "../helpers/system.ts";
import { imported, problemOf } from "./imported.ts";

let system: System;
let url: string;
let client: TestClient;
/** The chunks that the handler holds, each with the function that releases it. */
const held: (() => void)[] = [];

const holding = {
  name: "holding",
  actions: {
    take: {
      importHandler: true,
      handler: () =>
        new Promise((resolve) => {
          held.push(() => resolve(undefined));
        }),
    },
  },
};

beforeAll(async () => {
  system = await startSystem({ extra: [holding as never] });
  url = system.url;
  client = await newClient(url);
});
afterAll(async () => {
  for (const letGo of held) letGo();
  await system.stop();
});

describe("the batch", () => {
  test("POST answers the whole batch, with Location and Retry-After", async () => {
    const body = '{"a":1}\n{"a":2}\n';
    const response = await post(url, client, body, "application/x-ndjson", { "x-request-id": "my-own-id" });
    const batch = (await response.json()) as Batch;
    const self = `/imports/${batch.id}`;
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(response.status).toBe(202);
    expect(response.headers.get("location")).toBe(self);
    expect(response.headers.get("retry-after")).toBe("1");
    expect(response.headers.get("content-type")).toMatch(/^application\/json\b/);
    const always = {
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      format: "ndjson",
      bytes: 16,
      checksum: `sha-256=:${createHash("sha256").update(body).digest("base64")}:`,
      hold: null,
      error: null,
      retryOf: null,
      dataset: "default",
      requestId: "my-own-id",
      createdAt: time,
      readyAt: time,
      links: { self, errors: `${self}/errors`, records: `${self}/records`, events: `${self}/events` },
    };
    expect(batch).toMatchObject({ ...always, counts: { received: 2, accepted: 0, rejected: 0, duplicate: 0 } });
    const ended = await batchWhen(url, client, batch.id);
    expect(ended).toEqual({
      ...always,
      status: "completed",
      counts: { received: 2, accepted: 2, rejected: 0, duplicate: 0 },
      progress: 1,
      attempts: 1,
      startedAt: time,
      finishedAt: time,
    });
    expect((await get(url, client, self)).headers.has("retry-after")).toBe(false);
  });

  test("a cancel takes effect at once, and later writes of its worker are refused", async () => {
    const own = await newClient(url, { handler: "holding.take", chunkRecords: 1 });
    const { id } = await accepted(url, own, '{"a":1}\n{"a":2}\n');
    await until(() => held.length > 0, "the handler has the first chunk");
    expect(await batchWhen(url, own, id, ({ status }) => status === "processing")).toMatchObject({ finishedAt: null });
    const waiting = await get(url, own, `/imports/${id}`);
    expect(waiting.headers.get("retry-after")).toBe("1");
    const response = await fetch(`${url}/imports/${id}/cancel`, {
      method: "POST",
      headers: { authorization: own.auth },
    });
    const cancelled = (await response.json()) as Batch;
    expect(response.status).toBe(200);
    expect(cancelled).toMatchObject({ id, status: "cancelled", counts: { received: 2, accepted: 0 }, error: null });
    for (const letGo of held.splice(0)) letGo();
    // The next batch of the same client can only run if the place is free.
    const { id: next } = await accepted(url, own, '{"a":3}\n');
    await until(() => held.length > 0, "the handler has the next batch");
    for (const letGo of held.splice(0)) letGo();
    expect((await batchWhen(url, own, next)).status).toBe("completed");
    expect(await batchWhen(url, own, id)).toEqual(cancelled);
    const again = await fetch(`${url}/imports/${id}/cancel`, { method: "POST", headers: { authorization: own.auth } });
    expect(await problemOf(again)).toMatchObject({ status: 409, code: "illegal-state", current: "cancelled" });
  });

  test("HEAD answers the same head as GET, without a body", async () => {
    const { batch } = await imported(url, client, '{"a":1}');
    for (const path of ["", "/errors", "/records"]) {
      const asked = await get(url, client, `/imports/${batch.id}${path}`);
      const head = await fetch(`${url}/imports/${batch.id}${path}`, {
        method: "HEAD",
        headers: { authorization: client.auth },
      });
      expect(head.status).toBe(200);
      expect(head.headers.get("content-type")).toBe(asked.headers.get("content-type"));
      expect(await head.text()).toBe("");
    }
  });
});

describe("X-Request-Id", () => {
  const asked = async (id?: string) =>
    (await get(url, client, "/policy", id === undefined ? {} : { "x-request-id": id })).headers.get("x-request-id");

  test("is the one that the client sent, if it is valid", async () => {
    expect(await asked("order-4711/b")).toBe("order-4711/b");
    expect((await fetch(`${url}/nothing`, { headers: { "x-request-id": "mine" } })).headers.get("x-request-id")).toBe(
      "mine",
    );
    expect((await fetch(`${url}/health/live`)).headers.get("x-request-id")).toMatch(/./);
  });

  test.each([
    ["with a space", "two words"],
    ["that is long", "x".repeat(1_000)],
    ["that is no ASCII", "ä"],
  ])("is a new one instead of one %s", async (_name, id) => {
    const given = await asked(id);
    expect(given).toMatch(/^[\x21-\x7e]{1,128}$/);
    expect(given).not.toBe(id);
    expect(await asked(id)).not.toBe(given);
  });

  test("is a new one if the client sends none", async () => {
    expect(await asked()).not.toBe(await asked());
  });
});

describe("the rate limit", () => {
  test("is in every answer; requests beyond it are refused until the window allows them", async () => {
    const own = await newClient(url, { rate: { requests: 3, windowSeconds: 60 } });
    for (const left of [2, 1, 0]) {
      const response = await get(url, own, left === 1 ? "/imports/unknown" : "/policy");
      expect(response.status).toBe(left === 1 ? 404 : 200);
      expect(response.headers.get("ratelimit-policy")).toBe('"requests";q=3;w=60');
      expect(response.headers.get("ratelimit")).toMatch(new RegExp(`^"requests";r=${left};t=(60|[1-5]?\\d)$`));
    }
    for (const refused of [await get(url, own, "/policy"), await post(url, own, '{"a":1}')]) {
      const [, t] = /^"requests";r=0;t=(\d+)$/.exec(refused.headers.get("ratelimit") ?? "") ?? [];
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(Number(t));
      expect(refused.headers.get("ratelimit-policy")).toBe('"requests";q=3;w=60');
      expect(refused.headers.get("content-type")).toMatch(/^application\/problem\+json\b/);
      expect(await problemOf(refused)).toMatchObject({
        type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
        status: 429,
        code: "quota-exceeded",
        "violated-policies": ["requests"],
      });
    }
  });

  test("does not affect another client", async () => {
    expect((await get(url, client, "/policy")).headers.get("ratelimit")).toMatch(/^"requests";r=\d{6};t=\d+$/);
  });

  test("allows requests again after Retry-After", async () => {
    const own = await newClient(url, { rate: { requests: 1, windowSeconds: 1 } });
    // Both requests are sent together, because on a busy machine a second could pass between them.
    const both = await Promise.all([get(url, own, "/policy"), get(url, own, "/policy")]);
    const [allowed, refused] = both.toSorted((a, b) => a.status - b.status) as [Response, Response];
    expect([allowed.status, refused.status]).toEqual([200, 429]);
    const allowedAt = performance.now() + Number(refused.headers.get("retry-after")) * 1000;
    const refusedAt: number[] = [];
    const isAllowed = async () => {
      const askedAt = performance.now();
      const { status } = await get(url, own, "/policy");
      if (status !== 200) refusedAt.push(askedAt);
      return status === 200;
    };
    await until(isAllowed, "the rate allows a request", 10_000);
    expect(Math.max(...refusedAt)).toBeLessThan(allowedAt);
  });
});

test("/health/live is ok, and /health/ready shows each server", async () => {
  const live = await fetch(`${url}/health/live`);
  expect([live.status, await live.json()]).toEqual([200, { status: "ok" }]);
  const ready = await fetch(`${url}/health/ready`);
  expect(ready.status).toBe(200);
  expect(await ready.json()).toEqual({
    status: "ok",
    checks: { database: { status: "up", latencyMs: expect.any(Number) }, redis: "off", rabbitmq: "off" },
  });
});

test("Basic credentials are read as RFC 7617 says", async () => {
  const [, encoded] = client.auth.split(" ");
  for (const auth of [`basic ${encoded}`, `BASIC  ${encoded}`])
    expect((await fetch(`${url}/policy`, { headers: { authorization: auth } })).status).toBe(200);
  expect((await admin(url, "/clients?limit=1", { headers: {} })).status).toBe(200);
});
