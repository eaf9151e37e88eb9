/** The promise: an upload that is repeated with its key leads to the same batch, or is refused with the reason. */
import { request } from "node:http";
import { gzipSync } from "node:zlib";
import { batchWhen } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import {
  batchesOf,
  client,
  long,
  ndjson,
  newKey,
  send,
  slowly,
  startUploads,
  told,
  untilTaken,
  url,
  useClient,
} from "./uploads.kit.ts";

startUploads();

describe("Idempotency-Key", () => {
  test.each([
    ["a small body", '{"a":1}\n{"a":2}'],
    ["a body of many chunks", long],
  ])("%s with the same key gets the first answer again, also after its batch has ended", async (_name, body) => {
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

  test("the same key with other content, or with another format, is refused and changes nothing", async () => {
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

  test("two clients may use the same key", async () => {
    const key = newKey();
    const first = await told(await send(key));
    await useClient();
    const second = await told(await send(key));
    expect(second).toMatchObject({ status: 202, isReplayed: false });
    expect(second.body.id).not.toBe(first.body.id);
  });

  test.each([
    ["has not ended after 100 ms", '{"a":1}\n'],
    ["has outgrown one chunk", `${long}\n`],
  ])("while an upload that %s runs, another with its key is refused", async (_name, begin) => {
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
  ])("the body of an upload whose key is in use is not read: %s", async (_name, headers) => {
    const key = newKey();
    const { body, push, end } = slowly();
    const first = send(key, body);
    push('{"a":1}\n');
    await untilTaken(key);
    expect(await headOnly(key, headers)).toEqual({ status: 409, isAsked: false });
    end();
    expect((await first).status).toBe(202);
  });

  /** Sends only the head of a request. */
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
  ])("the key of an upload %s is free at once", async (_name, body, type) => {
    const key = newKey();
    expect((await send(key, body, {}, type)).status).toBe(400);
    expect(await told(await send(key))).toMatchObject({ status: 202, isReplayed: false });
  });

  test("the key of an upload whose client hung up is free soon", async () => {
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
  ])("many %s uploads with one key at the same moment become one batch", async (_name, body) => {
    const key = newKey();
    const all = await Promise.all(Array.from({ length: 10 }, async () => told(await send(key, body))));
    expect(all.filter(({ status, isReplayed }) => status === 202 && !isReplayed)).toHaveLength(1);
    for (const { status } of all) expect([202, 409]).toContain(status);
    expect(await batchesOf(client)).toHaveLength(1);
    expect(await told(await send(key, body))).toMatchObject({ status: 202, isReplayed: true });
  });
});
