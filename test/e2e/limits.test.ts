/** The promise: a client's policy limits its uploads exactly, and decides what happens to a wrong record. */
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { get, newClient, post } from "../helpers/http.ts";
import { testOnce } from "../helpers/once.ts";
import { until } from "../helpers/patience.ts";
import { type System, startSystem } from "../helpers/system.ts";
import { imported, problemOf, schema } from "./imported.ts";

let system: System;
let url: string;

beforeAll(async () => {
  system = await startSystem();
  url = system.url;
});
afterAll(() => system.stop());

describe("the policy's limits", () => {
  testOnce("formats: the policy's formats are accepted, others get 415", async () => {
    const own = await newClient(url, { formats: ["csv", "json"] });
    expect((await imported(url, own, "a\n1\n", "text/csv")).batch.status).toBe("completed");
    expect((await imported(url, own, '[{"a":1}]', "application/json")).batch.status).toBe("completed");
    expect(await problemOf(await post(url, own, '{"a":1}'))).toMatchObject({
      status: 415,
      code: "unsupported-media-type",
    });
  });

  test("maxBytes and maxRecords: exactly that much is accepted", async () => {
    const own = await newClient(url, { maxBytes: 16, maxRecords: 2 });
    expect((await imported(url, own, '{"a":1}\n{"a":2}\n')).batch.counts.accepted).toBe(2);
    expect((await imported(url, own, '{"a":1}\n{"a":2}')).batch.counts.accepted).toBe(2);
    expect(await problemOf(await post(url, own, '{"a":1}\n{"a":22}\n'))).toMatchObject({ status: 413, limit: 16 });
    expect(await problemOf(await post(url, own, "{}\n{}\n{}"))).toMatchObject({ code: "too-many-records", limit: 2 });
  });

  testOnce(
    "gzip has hardly more bytes than maxBytes, whatever it holds, told from the header where that is possible",
    async () => {
      const own = await newClient(url, { maxBytes: 1_000 });
      const empty = Buffer.concat(Array(10_000).fill(gzipSync("")));
      const gzip = { "content-encoding": "gzip" };
      const whole = Buffer.concat(Array(8).fill(empty));
      const refused = { status: 413, code: "payload-too-large", limit: 1_049_592 };
      expect(await problemOf(await post(url, own, whole as never, undefined, gzip))).toMatchObject(refused);
      const pieces = Readable.toWeb(Readable.from(Array(8).fill(empty))) as never;
      expect(await problemOf(await post(url, own, pieces, undefined, gzip))).toMatchObject(refused);
      const few = Buffer.concat([empty, gzipSync("{}\n")]);
      expect((await post(url, own, few as never, undefined, gzip)).status).toBe(202);
    },
  );

  testOnce.each([
    ["application/x-ndjson", '{"a":"x"}\n{"a":"LONG"}\n{"a":"y"}\n', [1, 2, 3]],
    ["text/csv", 'a\nx\n"LONG"\ny\n', [2, 3, 4]],
    ["application/json", '[{"a":"x"},{"a":"LONG"},{"a":"y"}]', null],
  ])(
    "maxRecordBytes: a longer record of %s is too_large, and the others are stored",
    async (type, template, places) => {
      const own = await newClient(url, { maxRecordBytes: 100 });
      const { batch, errors, records } = await imported(url, own, template.replace("LONG", "z".repeat(200_000)), type);
      expect(batch).toMatchObject({
        status: "completed_with_errors",
        counts: { received: 3, accepted: 2, rejected: 1 },
      });
      expect(errors).toMatchObject([{ record: 2, line: places?.[1] ?? null, errors: [{ code: "too_large" }] }]);
      expect(errors[0]?.raw.length).toBeLessThan(2_000);
      expect(records.map(({ record, data }) => [record, data.a])).toEqual([
        [1, "x"],
        [3, "y"],
      ]);
    },
  );

  test("chunkRecords 1: each record is a chunk, and all arrive in order", async () => {
    const own = await newClient(url, { chunkRecords: 1, schema: { properties: { a: { maximum: 28 } } } });
    const { batch, records, errors } = await imported(
      url,
      own,
      Array.from({ length: 30 }, (_, a) => `{"a":${a}}`).join("\n"),
    );
    expect(batch.counts).toEqual({ received: 30, accepted: 29, rejected: 1, duplicate: 0 });
    expect(records.map(({ record, data }) => [record, data.a])).toEqual(
      Array.from({ length: 29 }, (_, a) => [a + 1, a]),
    );
    expect(errors).toMatchObject([{ record: 30, line: 30 }]);
  });

  test("onInvalid rejectBatch: with one invalid record none is delivered, and all errors are listed", async () => {
    const own = await newClient(url, { schema, onInvalid: "rejectBatch", chunkRecords: 2 });
    const { batch, records, errors } = await imported(
      url,
      own,
      '{"id":1}\n{"id":2}\n{"id":"x"}\n{"id":4}\n{}\n{"id":6}',
    );
    expect(batch).toMatchObject({
      status: "failed",
      error: { code: "invalid-records", detail: expect.stringMatching(/2/) },
      counts: { received: 6, accepted: 0, rejected: 2 },
    });
    expect(records).toEqual([]);
    expect(errors.map(({ record, line }) => [record, line])).toEqual([
      [3, 3],
      [5, 5],
    ]);
    expect((await imported(url, own, '{"id":1}\n{"id":2}\n{"id":3}')).batch).toMatchObject({
      status: "completed",
      counts: { received: 3, accepted: 3, rejected: 0 },
    });
  });

  test("maxErrors: that many rejected records are allowed; with one more the batch fails", async () => {
    const own = await newClient(url, { schema, maxErrors: 1, chunkRecords: 1 });
    expect((await imported(url, own, '{"id":1}\n{}\n{"id":3}')).batch).toMatchObject({
      status: "completed_with_errors",
      counts: { accepted: 2, rejected: 1 },
    });
    const { batch, records } = await imported(url, own, '{"id":1}\n{}\n{"id":3}\n{}\n{"id":5}');
    expect(batch).toMatchObject({ status: "failed", error: { code: "too-many-errors" }, counts: { rejected: 2 } });
    expect(records.map(({ record }) => record)).toEqual([1, 3]);
  });

  testOnce("maxConcurrentUploads: one more at once gets 429 with the limit", async () => {
    const own = await newClient(url, { maxConcurrentUploads: 1, chunkRecords: 1 });
    let send: ReadableStreamDefaultController<Uint8Array> | undefined;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        send = controller;
        controller.enqueue(Buffer.from('{"a":1}\n'));
      },
    });
    const first = post(url, own, body);
    let second = await post(url, own, '{"a":2}');
    await until(async () => {
      if (second.status === 429) return true;
      second = await post(url, own, '{"a":2}');
      return false;
    }, "the first upload has its place");
    expect(second.headers.get("retry-after")).toMatch(/^\d+$/);
    expect(await problemOf(second)).toMatchObject({ status: 429, code: "too-many-uploads", limit: 1 });
    send?.enqueue(Buffer.from('{"a":3}\n'));
    send?.close();
    expect((await first).status).toBe(202);
    expect((await post(url, own, '{"a":4}')).status).toBe(202);
  });

  testOnce("GET /policy shows a client its whole policy", async () => {
    const own = await newClient(url, { formats: ["csv"], schema, rate: { requests: 500 }, weight: 3 });
    expect(await (await get(url, own, "/policy")).json()).toEqual({
      description: null,
      formats: ["csv"],
      maxBytes: 2 ** 30,
      maxRecords: 10_000_000,
      maxRecordBytes: 2 ** 20,
      schema,
      read: null,
      onInvalid: "skip",
      maxErrors: null,
      maxStoredErrors: 100_000,
      sensitive: [],
      rate: { requests: 500, windowSeconds: 60 },
      bytesPerDay: null,
      recordsPerDay: null,
      maxConcurrentBatches: 2,
      weight: 3,
      maxConcurrentUploads: 16,
      requiresApproval: false,
      approveWhen: null,
      window: null,
      dedup: "allow",
      dedupHours: 24,
      handler: "store",
      handlerTimeoutMs: 60_000,
      chunkRecords: 5_000,
      maxAttempts: 5,
      backoff: { type: "exponential", delayMs: 1_000, maxMs: 60_000 },
      order: "none",
      table: null,
      uniqueKey: null,
      uniqueKeyDays: null,
      validatedHours: 24,
      webhook: null,
      keepBodyDays: 0,
      retentionDays: 30,
    });
  });
});
