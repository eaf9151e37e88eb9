/** The promise: an upload that is sent again, for whatever reason, is the same batch, or is told plainly why not. */
import { createHash } from "node:crypto";
import { request } from "node:http";
import { gzipSync } from "node:zlib";
import type { Database } from "../../database/database.ts";
import { accepted, type Batch, batchWhen, get, newClient, post, type TestClient } from "../helpers/http.ts";
import { type System, startSystem } from "../helpers/system.ts";
import { until } from "./bad-input.kit.ts";

const ndjson = "application/x-ndjson";
const DAY_S = 86_400;

let system: System;
let url: string;
let client: TestClient;
beforeAll(async () => {
  system = await startSystem({ env: { SWEEP_INTERVAL: "200ms" } });
  url = system.url;
});
afterAll(() => system.stop());
beforeEach(async () => {
  client = await newClient(url, { chunkRecords: 100 });
});

let keys = 0;
const newKey = () => `key-${++keys}`;
const send = (
  key: string,
  body: RequestInit["body"] = '{"a":1}\n',
  headers: Record<string, string> = {},
  type = ndjson,
) => post(url, client, body, type, { "idempotency-key": key, ...headers });
const told = async (response: Response) => ({
  status: response.status,
  isReplayed: response.headers.get("idempotent-replayed") === "true",
  location: response.headers.get("location"),
  body: (await response.json()) as Batch & { code?: string },
});
const batchesOf = async (who: TestClient) =>
  ((await (await get(url, who, "/imports?limit=200")).json()) as { items: Batch[] }).items;
/** Several chunks. */
const long = Array.from({ length: 1_000 }, (_, i) => `{"a":${i}}`).join("\n");

/** A body that is sent piece by piece, by the test. */
function slowly() {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(given) {
      controller = given;
    },
  });
  return {
    body,
    push: (text: string) => controller?.enqueue(Buffer.from(text)),
    end: () => controller?.close(),
  };
}

/** Waits until an upload that runs has the key. (Asking with the key itself could take it.) */
async function untilTaken(key: string): Promise<void> {
  const { database } = system.broker.getLocalService("batch") as unknown as { database: Database };
  const text = `SELECT COUNT(*) AS n FROM idempotency_key WHERE "key" = '${key}' AND answer IS NULL`;
  await until(async () => {
    const [[row]] = (await database.sequelize.query(text)) as [{ n: number | string }[], unknown];
    return Number(row?.n) === 1;
  }, "a running upload has the key");
}

describe("Idempotency-Key", () => {
  test.each([
    ["a small body", '{"a":1}\n{"a":2}'],
    ["a body of many chunks", long],
  ])("%s again is told the first answer, also once its batch has ended", async (_name, body) => {
    const key = newKey();
    const first = await told(await send(key, body));
    expect(first).toMatchObject({ status: 202, isReplayed: false, location: `/imports/${first.body.id}` });
    await batchWhen(url, client, first.body.id);
    for (const again of [key, `"${key}"`])
      expect(await told(await send(again, body))).toEqual({ ...first, isReplayed: true });
    const compressed = await send(key, new Uint8Array(gzipSync(body)), { "content-encoding": "gzip" });
    expect(await told(compressed)).toEqual({ ...first, isReplayed: true });
    expect(await batchesOf(client)).toHaveLength(1);
  });

  test("other content, or another way to read it, is refused, and changes nothing", async () => {
    const key = newKey();
    const first = await told(await send(key, "a;b\n1;2\n", {}, "text/csv"));
    const others = [
      send(key, "a;b\n1;3\n", {}, "text/csv"),
      send(key, "a;b\n1;2\n", {}, 'text/csv; delimiter=";"'),
      send(key, long),
      send(key, "{"),
    ];
    for (const other of others)
      expect(await told(await other)).toMatchObject({ status: 422, body: { code: "idempotency-key-reused" } });
    expect(await told(await send(key, "a;b\n1;2\n", {}, "text/csv; charset=UTF-8"))).toEqual({
      ...first,
      isReplayed: true,
    });
    expect(await batchesOf(client)).toHaveLength(1);
  });

  test("is its client's own", async () => {
    const key = newKey();
    const first = await told(await send(key));
    client = await newClient(url);
    const second = await told(await send(key));
    expect(second).toMatchObject({ status: 202, isReplayed: false });
    expect(second.body.id).not.toBe(first.body.id);
  });

  test.each([
    ["has not ended after 100 ms", '{"a":1}\n'],
    ["has outgrown one chunk", `${long}\n`],
  ])("while an upload that %s runs, another is refused", async (_name, begin) => {
    const key = newKey();
    const { body, push, end } = slowly();
    const first = send(key, body);
    push(begin);
    await untilTaken(key);
    const second = await send(key, long.repeat(20));
    expect(second.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    expect(await told(second)).toMatchObject({ body: { code: "idempotency-in-progress" } });
    expect(await told(await send(key, begin))).toMatchObject({ status: 409 });
    push('{"a":2}\n');
    end();
    const done = await told(await first);
    expect(done).toMatchObject({ status: 202, isReplayed: false });
    expect(await told(await send(key, `${begin}{"a":2}\n`))).toEqual({ ...done, isReplayed: true });
  });

  test.each([
    ["Expect: 100-continue", { expect: "100-continue", "content-length": "1000000" }],
    ["no length", { "transfer-encoding": "chunked" }],
    ["a short body that does not come", { "content-length": "10" }],
  ])("the body of a refused one is not read: %s", async (_name, headers) => {
    const key = newKey();
    const { body, push, end } = slowly();
    const first = send(key, body);
    push('{"a":1}\n');
    await untilTaken(key);
    expect(await headOnly(key, headers)).toEqual({ status: 409, isAsked: false });
    end();
    expect((await first).status).toBe(202);
  });

  /** Sends a request's head and nothing more. */
  function headOnly(key: string, headers: Record<string, string>): Promise<{ status: number; isAsked: boolean }> {
    return new Promise((resolve, reject) => {
      let isAsked = false;
      const own = { authorization: client.auth, "content-type": ndjson, "idempotency-key": key };
      const req = request(`${url}/imports`, { method: "POST", headers: { ...own, ...headers }, agent: false });
      req.on("continue", () => {
        isAsked = true;
      });
      req.on("response", (response) => {
        resolve({ status: response.statusCode ?? 0, isAsked });
        req.destroy();
      });
      req.on("error", reject);
      req.flushHeaders();
    });
  }

  test.each([
    ["that was refused", "[", "application/json"],
    ["that was refused after stored chunks", `[${long.replaceAll("\n", ",")}`, "application/json"],
  ])("of an upload %s is free at once", async (_name, body, type) => {
    const key = newKey();
    expect((await send(key, body, {}, type)).status).toBe(400);
    expect(await told(await send(key))).toMatchObject({ status: 202, isReplayed: false });
  });

  test("of an upload whose client hung up is free soon", async () => {
    const key = newKey();
    const { body, push } = slowly();
    const gone = new AbortController();
    const first = fetch(`${url}/imports`, {
      method: "POST",
      body,
      duplex: "half",
      signal: gone.signal,
      headers: { authorization: client.auth, "content-type": ndjson, "idempotency-key": key },
    } as RequestInit).catch(() => null);
    push(`${long}\n`);
    await untilTaken(key);
    gone.abort();
    await first;
    let second = await send(newKey());
    await until(async () => {
      second = await send(key, '{"b":1}');
      return second.status !== 409;
    }, "the key is free");
    expect(await told(second)).toMatchObject({ status: 202, isReplayed: false });
    expect((await batchesOf(client)).map(({ status }) => status)).not.toContain("receiving");
  });

  test.each([
    ["small", '{"a":1}'],
    ["large", long],
  ])("of many %s uploads at the same instant one is a batch", async (_name, body) => {
    const key = newKey();
    const all = await Promise.all(Array.from({ length: 10 }, async () => told(await send(key, body))));
    expect(all.filter(({ status, isReplayed }) => status === 202 && !isReplayed)).toHaveLength(1);
    for (const { status } of all) expect([202, 409]).toContain(status);
    expect(await batchesOf(client)).toHaveLength(1);
    expect(await told(await send(key, body))).toMatchObject({ status: 202, isReplayed: true });
  });
});

describe("dedup", () => {
  const body = '{"a":1}\n{"a":2}\n';
  const policed = async (policy: object) => {
    client = await newClient(url, { chunkRecords: 100, ...policy });
    return client;
  };

  test("reject: the same content is 409 with its batch, small and large, whatever its format", async () => {
    await policed({ dedup: "reject" });
    for (const content of [body, long]) {
      const { id } = await accepted(url, client, content);
      const key = newKey();
      const again = await told(await send(key, content));
      expect(again).toMatchObject({ status: 409, body: { code: "duplicate-batch", batchId: id } });
      expect((await post(url, client, content, "application/jsonl")).status).toBe(409);
      expect(await told(await send(key, '{"other":1}'.repeat(2)))).toMatchObject({ status: 202, isReplayed: false });
      client = await newClient(url, { chunkRecords: 100, dedup: "reject" });
    }
  });

  test("returnExisting: 200 with the batch as it is now; with a key, as it was then", async () => {
    await policed({ dedup: "returnExisting" });
    for (const content of [body, long]) {
      const { id } = await accepted(url, client, content);
      const done = await batchWhen(url, client, id);
      const key = newKey();
      const again = await told(await send(key, content));
      expect(again).toEqual({ status: 200, isReplayed: false, location: `/imports/${id}`, body: done });
      expect(await told(await send(key, content))).toEqual({ ...again, isReplayed: true });
      expect(await told(await send(key, '{"b":1}'))).toMatchObject({ body: { code: "idempotency-key-reused" } });
    }
    expect(await batchesOf(client)).toHaveLength(2);
  });

  test("ten equal uploads at once are one batch", async () => {
    await policed({ dedup: "reject" });
    const all = await Promise.all(Array.from({ length: 10 }, async () => (await post(url, client, body)).status));
    expect(all.sort()).toEqual([202, ...Array(9).fill(409)]);
    await policed({ dedup: "returnExisting" });
    const same = await Promise.all(Array.from({ length: 10 }, async () => told(await post(url, client, long))));
    expect(same.map(({ status }) => status).sort()).toEqual([...Array(9).fill(200), 202]);
    expect(new Set(same.map(({ body: { id } }) => id)).size).toBe(1);
  });

  test("the content of a failed or cancelled batch may come again", async () => {
    await policed({ dedup: "reject", schema: { required: ["b"] }, onInvalid: "rejectBatch" });
    const { id } = await accepted(url, client, body);
    expect(await batchWhen(url, client, id)).toMatchObject({ status: "failed" });
    expect((await post(url, client, body)).status).toBe(202);
    await policed({ dedup: "reject", requiresApproval: true });
    const held = await accepted(url, client, body);
    expect((await post(url, client, body)).status).toBe(409);
    const headers = { authorization: client.auth };
    await fetch(`${url}/imports/${held.id}/cancel`, { method: "POST", headers });
    expect((await post(url, client, body)).status).toBe(202);
  });

  test("allow: the same content is another batch", async () => {
    const [one, two] = [await accepted(url, client, body), await accepted(url, client, body)];
    expect(one.id).not.toBe(two.id);
  });
});

describe("Content-Digest", () => {
  const digest = (algorithm: "sha256" | "sha512", bytes: string | Uint8Array) =>
    `${algorithm.replace("sha", "sha-")}=:${createHash(algorithm).update(bytes).digest("base64")}:`;
  const sent = (field: string, bytes: string | Uint8Array, headers: Record<string, string> = {}) =>
    post(url, client, bytes as string, ndjson, { "content-digest": field, ...headers });
  const gzip = { "content-encoding": "gzip" };

  test("is of the bytes as sent, also behind gzip; each one that is known must hold", async () => {
    for (const body of ['{"a":1}\n', long]) {
      const both = `${digest("sha256", body)}, md5=:AAAA:, ${digest("sha512", body)}`;
      for (const field of [digest("sha256", body), digest("sha512", body), both, "md5=:AAAA:"])
        expect((await sent(field, body)).status).toBe(202);
      const wire = new Uint8Array(gzipSync(body));
      for (const field of [digest("sha256", wire), digest("sha512", wire)])
        expect((await sent(field, wire, gzip)).status).toBe(202);
    }
  });

  test("one that does not hold leaves nothing, not even its key", async () => {
    for (const body of ['{"a":1}\n', long]) {
      const wire = new Uint8Array(gzipSync(body));
      const wrong = await Promise.all([
        sent(digest("sha256", "x"), body, { "idempotency-key": "wrong" }),
        sent(digest("sha512", "x"), body),
        sent(`${digest("sha256", body)}, ${digest("sha512", "x")}`, body),
        sent(digest("sha256", body), wire, gzip),
        sent(digest("sha512", body), wire, gzip),
      ]);
      for (const response of wrong)
        expect(await told(response)).toMatchObject({ status: 400, body: { code: "digest-mismatch" } });
    }
    expect(await batchesOf(client)).toEqual([]);
    expect(await told(await send("wrong"))).toMatchObject({ status: 202, isReplayed: false });
  });
});

describe("the day's quotas", () => {
  const body = '{"a":1}\n{"a":2}\n';
  const exceeded = (violated: string[]) => ({
    type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
    status: 429,
    code: "quota-exceeded",
    "violated-policies": violated,
  });

  async function refused(response: Response, ...violated: string[]) {
    expect(await response.json()).toMatchObject(exceeded(violated));
    const seconds = Number(response.headers.get("retry-after"));
    const left = DAY_S - (Date.now() / 1000 - Math.floor(Date.now() / 1000 / DAY_S) * DAY_S);
    expect(Math.abs(seconds - left)).toBeLessThan(10);
  }

  test("bytes: what is stored counts, and no more; the limit is exact", async () => {
    client = await newClient(url, { bytesPerDay: body.length * 2, dedup: "returnExisting" });
    const key = newKey();
    const first = await send(key, body);
    expect(first.headers.get("ratelimit-policy")).toContain(`"bytesPerDay";q=${body.length * 2};w=86400`);
    expect(first.status).toBe(202);
    for (const status of [200, 200]) expect((await post(url, client, body)).status).toBe(status);
    expect((await post(url, client, "{")).status).toBe(202);
    const other = body.replace("1", "3").slice(0, -1);
    expect((await post(url, client, other)).status).toBe(202);
    await refused(await post(url, client, "{}"), "bytesPerDay");
    expect(await told(await send(key, body))).toMatchObject({ status: 202, isReplayed: true });
  });

  test("records; more than the day's is refused while it is read, and before where its length tells", async () => {
    client = await newClient(url, { recordsPerDay: 3, bytesPerDay: 1_000, chunkRecords: 1 });
    await refused(await post(url, client, long), "bytesPerDay");
    const { body: stream, push } = slowly();
    const reading = post(url, client, stream);
    push('{"a":1}\n'.repeat(10));
    await refused(await reading, "recordsPerDay");
    expect((await post(url, client, body)).status).toBe(202);
    await refused(await post(url, client, body), "recordsPerDay");
    expect((await post(url, client, '{"a":3}')).status).toBe(202);
    const asked = await post(url, client, "{}");
    await refused(asked, "recordsPerDay");
    expect(await batchesOf(client)).toHaveLength(2);
  });

  test("are exact when many come at once", async () => {
    client = await newClient(url, { recordsPerDay: 10 });
    const all = await Promise.all(Array.from({ length: 12 }, async () => (await post(url, client, body)).status));
    expect(all.sort()).toEqual([...Array(5).fill(202), ...Array(7).fill(429)]);
  });
});
