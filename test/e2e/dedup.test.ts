/** The promise: dedup recognizes content that came before, and Content-Digest finds content that arrived broken. */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { accepted, batchWhen, post } from "../helpers/http.ts";
import { batchesOf, client, long, ndjson, newKey, send, startUploads, told, url, useClient } from "./uploads.kit.ts";

startUploads();

describe("dedup", () => {
  const body = '{"a":1}\n{"a":2}\n';
  const policed = async (policy: object) => {
    await useClient({ chunkRecords: 100, ...policy });
    return client;
  };

  test("dedup reject: the same content gets 409 with its batch, small or large, in any format", async () => {
    await policed({ dedup: "reject" });
    for (const content of [body, long]) {
      const { id } = await accepted(url, client, content);
      const key = newKey();
      const again = await told(await send(key, content));
      expect(again).toMatchObject({ status: 409, body: { code: "duplicate-batch", batchId: id } });
      expect((await post(url, client, content, "application/jsonl")).status).toBe(409);
      expect(await told(await send(key, '{"other":1}'.repeat(2)))).toMatchObject({ status: 202, isReplayed: false });
      await useClient({ chunkRecords: 100, dedup: "reject" });
    }
  });

  test("dedup returnExisting: 200 with the batch as it is now; a repeated key gets the first answer", async () => {
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

  test("with dedup, ten equal uploads at once become one batch", async () => {
    await policed({ dedup: "reject" });
    const all = await Promise.all(Array.from({ length: 10 }, async () => (await post(url, client, body)).status));
    expect(all.sort()).toEqual([202, ...Array(9).fill(409)]);
    await policed({ dedup: "returnExisting" });
    const same = await Promise.all(Array.from({ length: 10 }, async () => told(await post(url, client, long))));
    expect(same.map(({ status }) => status).sort()).toEqual([...Array(9).fill(200), 202]);
    expect(new Set(same.map(({ body: { id } }) => id)).size).toBe(1);
  });

  test("with dedup, the content of a failed or cancelled batch may come again", async () => {
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

  test("dedup allow: the same content is another batch", async () => {
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

  test("covers the bytes as sent, also compressed; every digest of a known algorithm must match", async () => {
    for (const body of ['{"a":1}\n', long]) {
      const both = `${digest("sha256", body)}, md5=:AAAA:, ${digest("sha512", body)}`;
      for (const field of [digest("sha256", body), digest("sha512", body), both, "md5=:AAAA:"])
        expect((await sent(field, body)).status).toBe(202);
      const wire = new Uint8Array(gzipSync(body));
      for (const field of [digest("sha256", wire), digest("sha512", wire)])
        expect((await sent(field, wire, gzip)).status).toBe(202);
    }
  });

  test("a wrong digest leaves nothing behind, and its idempotency key is free", async () => {
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
