/** A failed batch can go on (redrive), and rejected records can be sent again as a batch of their own (retry). */
import type { HandlerCall } from "../../../services/batchProcessor/batchProcessor.contract.ts";
import { accepted, admin, type Batch, get, lines, newClient, type TestClient } from "../../helpers/http.ts";
import { testOnce } from "../../helpers/once.ts";
import { until } from "../../helpers/patience.ts";
import { quick, type System, startSystem } from "../../helpers/system.ts";
import { ended, handler, hanging, numbersOf, row, rows, select } from "./kit.ts";

let system: System;
let answer: (call: HandlerCall) => unknown = () => null;
const own = handler("own", (call) => answer(call));
const slow = hanging("slow");

beforeAll(async () => {
  const env = { ...quick, BATCH_LEASE: "2s" };
  system = await startSystem({ env, extra: [own.schema, slow.schema] });
});
afterAll(async () => {
  slow.release();
  await system.stop();
});

const retry = (client: TestClient, id: string, query = "") =>
  fetch(`${system.url}/imports/${id}/retry${query}`, { method: "POST", headers: { authorization: client.auth } });
const rejected = (client: TestClient, id: string) => retry(client, id, "?only=rejected");

const patchPolicy = (client: TestClient, policy: object) =>
  admin(system.url, `/clients/${client.id}/policy`, { method: "PATCH", body: JSON.stringify(policy) });

async function imported(client: TestClient, body: string, type?: string): Promise<Batch> {
  const { id } = await accepted(system.url, client, body, type);
  return ended(system, client, id);
}

const codeOf = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code];
const stored = (client: TestClient, id: string) =>
  lines<{ record: number; data: unknown }>(get(system.url, client, `/imports/${id}/records`));

test("a failed batch goes on from its last chunk, with its attempts at 0", async () => {
  answer = ({ chunk }) => (chunk === 1 ? { outcome: "fail", reason: "not today" } : null);
  const client = await newClient(system.url, { handler: "own.run", chunkRecords: 2 });
  const { id, status } = await imported(client, rows(5));
  expect(status).toBe("failed");
  answer = () => null;
  const response = await retry(client, id);
  expect(response.status).toBe(202);
  expect(await response.json()).toMatchObject({ id, status: "ready", error: null });
  expect(await ended(system, client, id)).toMatchObject({ status: "completed", counts: { accepted: 5 } });
  expect(own.of(id).map(numbersOf)).toEqual([[1, 2], [3, 4], [3, 4], [5]]);
  expect(await codeOf(await retry(client, id))).toEqual([409, "illegal-state"]);
});

const strict = { schema: { type: "object", properties: { n: { type: "integer" } }, required: ["n"] } };
const loose = { schema: null };

test("a redriven batch has only the errors of its last pass; older ones are deleted", async () => {
  const client = await newClient(system.url, { ...strict, onInvalid: "rejectBatch", maxStoredErrors: 3 });
  const refused = await imported(client, '{"n":"a"}\n{"n":2}\n{"n":"c"}\n{"n":"d"}\n');
  const report = () => lines<{ record: number }>(get(system.url, client, `/imports/${refused.id}/errors`));
  expect(refused).toMatchObject({ status: "failed", counts: { rejected: 3 } });
  for (let pass = 1; pass <= 2; pass++) {
    expect((await retry(client, refused.id)).status).toBe(202);
    const again = await ended(system, client, refused.id);
    expect(again).toMatchObject({ status: "failed", counts: { rejected: 3 } });
    expect((await report()).map(({ record }) => record)).toEqual([1, 3, 4]);
  }
  await until(async () => (await select(system, "SELECT 1 FROM stale_errors")).length === 0);
  const { id } = await row(system, refused.id);
  expect(await select(system, `SELECT n FROM record_error WHERE batch_id = ${id}`)).toHaveLength(3);
  expect((await report()).map(({ record }) => record)).toEqual([1, 3, 4]);
  const response = await rejected(client, refused.id);
  expect(response.status).toBe(202);
  expect(await response.json()).toMatchObject({ retryOf: refused.id, counts: { received: 3 } });
});

test("a retry sends rejected records again as they were sent, under the present policy", async () => {
  const client = await newClient(system.url, strict);
  const body = '{"n":1}\n{"n":"two"}\n\n{"m":3,"id":9007199254740993}\n{"n":4}\n';
  const parent = await imported(client, body);
  expect(parent.counts).toMatchObject({ accepted: 2, rejected: 2 });
  await patchPolicy(client, { schema: null });
  const response = await rejected(client, parent.id);
  const child = (await response.json()) as Batch & { retryOf: string };
  expect([response.status, response.headers.get("location")]).toEqual([202, `/imports/${child.id}`]);
  expect(child).toMatchObject({ retryOf: parent.id, format: "ndjson", counts: { received: 2 } });
  expect(await ended(system, client, child.id)).toMatchObject({ status: "completed", retryOf: parent.id });
  const text = await (await get(system.url, client, `/imports/${child.id}/records`)).text();
  expect(text).toBe('{"record":1,"data":{"n":"two"}}\n{"record":2,"data":{"m":3,"id":9007199254740993}}\n');
  const again = await rejected(client, parent.id);
  expect(again.status).toBe(200);
  expect(await again.json()).toMatchObject({ id: child.id, status: "completed" });
});

test("CSV rows keep their header, delimiter and quotes", async () => {
  const client = await newClient(system.url, { schema: { properties: { n: { type: "integer" } } } });
  const body = 'n;"a ;b";c\n1;x;y\nzwei;"line\nbreak; ""q""";ü \nthree\n4;;\nv;\t;\n';
  const parent = await imported(
    client,
    body,
    "text/csv; delimiter=;; charset=utf-8".replace("delimiter=;", 'delimiter=";"'),
  );
  expect(parent.counts).toMatchObject({ accepted: 2, rejected: 3 });
  await patchPolicy(client, loose);
  const child = (await (await rejected(client, parent.id)).json()) as Batch;
  expect(await ended(system, client, child.id)).toMatchObject({ format: "csv", counts: { accepted: 2, rejected: 1 } });
  expect(await stored(client, child.id)).toEqual([
    { record: 1, data: { n: "zwei", "a ;b": 'line\nbreak; "q"', c: "ü " } },
    { record: 3, data: { n: "v", "a ;b": "\t" } },
  ]);
});

test("a record that was too long is rejected again, and does not affect its neighbours", async () => {
  const client = await newClient(system.url, { ...strict, maxRecordBytes: 100 });
  const long = `{"n":"${"x".repeat(200)}"}`;
  const parent = await imported(client, `[{"n":1},${long},{"n":"a"},7]`, "application/json");
  expect(parent.counts).toMatchObject({ accepted: 1, rejected: 3 });
  await patchPolicy(client, loose);
  const child = (await (await rejected(client, parent.id)).json()) as Batch;
  expect(await ended(system, client, child.id)).toMatchObject({
    format: "ndjson",
    counts: { received: 3, accepted: 1, rejected: 2 },
  });
});

const faultsOf = async (client: TestClient, id: string) =>
  (await lines<{ errors: { code: string }[] }>(get(system.url, client, `/imports/${id}/errors`))).map(({ errors }) =>
    errors.map(({ code }) => code).join(),
  );

const toReject = "x".repeat(3_000);
test.each([
  ["a cut row of CSV", "text/csv", `n,note\n1,a\n2,${toReject}\n3,"a\n${toReject}"\nx,b\n`],
  ["a cut line", "application/x-ndjson", `{"n":1}\n${toReject}\n${toReject}\n{"n":"x"}\n`],
])("%s does not become a record, even if the present policy allows longer records", async (_name, type, body) => {
  const client = await newClient(system.url, { ...strict, maxRecordBytes: 2_000, chunkRecords: 1 });
  const parent = await imported(client, body, type);
  expect(await faultsOf(client, parent.id)).toEqual(["too_large", "too_large", "type"]);
  await patchPolicy(client, { ...loose, maxRecordBytes: null, chunkRecords: null });
  const child = (await (await rejected(client, parent.id)).json()) as Batch;
  expect((await ended(system, client, child.id)).counts).toMatchObject({ received: 3, accepted: 1, rejected: 2 });
  expect(await faultsOf(client, child.id)).toEqual(["too_large", "too_large"]);
  expect((await stored(client, child.id)).map(({ record }) => record)).toEqual([3]);
});

testOnce.each([
  ["text/csv", "n,note\nx,caf\xe9\nx,\xe9,\xe9\nx,c\n"],
  ["application/x-ndjson", '{"n":"caf\xe9"}\n\xe9\n{"n":"x"}\n'],
])("bytes that were no text in %s are rejected again, not stored as signs for them", async (type, body) => {
  const client = await newClient(system.url, strict);
  const { id } = await accepted(system.url, client, Buffer.from(body, "latin1"), type);
  const parent = await ended(system, client, id);
  await patchPolicy(client, loose);
  const child = (await (await rejected(client, parent.id)).json()) as Batch;
  expect((await ended(system, client, child.id)).counts).toMatchObject({ received: 3, accepted: 1, rejected: 2 });
  expect(await faultsOf(client, child.id)).toEqual(["encoding", "encoding"]);
  const raws = async (batch: string) =>
    (await lines<{ raw: string }>(get(system.url, client, `/imports/${batch}/errors`))).map(({ raw }) => raw);
  expect(await raws(child.id)).toEqual((await raws(parent.id)).slice(0, 2));
});

test("many rejected records, over several chunks; ten asking at once make one batch", async () => {
  const client = await newClient(system.url, { ...strict, chunkRecords: 100 });
  const body = Array.from({ length: 3000 }, (_, i) => JSON.stringify({ n: i % 2 ? i : `${i}` })).join("\n");
  const parent = await imported(client, body);
  await patchPolicy(client, loose);
  const responses = await Promise.all(Array.from({ length: 10 }, () => rejected(client, parent.id)));
  const children = (await Promise.all(responses.map((response) => response.json()))) as Batch[];
  expect(new Set(children.map(({ id }) => id)).size).toBe(1);
  expect(responses.map(({ status }) => status).sort()).toEqual([...Array(9).fill(200), 202]);
  const child = children[0] as Batch;
  expect(await ended(system, client, child.id)).toMatchObject({ counts: { received: 1500, accepted: 1500 } });
  const left = () => select(system, "SELECT 1 FROM batch WHERE state = 'receiving'");
  await until(async () => (await left()).length === 0);
});

test("a retry also sends records that a handler has refused", async () => {
  answer = ({ records }) => ({
    rejected: records.slice(0, 1).map(({ record }) => ({ record, errors: [{ code: "no" }] })),
  });
  const client = await newClient(system.url, { handler: "own.run", uniqueKey: "n" });
  const parent = await imported(client, "n\tm\n1\t\n2\tx\n", "text/csv");
  expect(parent.counts).toMatchObject({ accepted: 1, rejected: 1 });
  answer = () => null;
  const child = (await (await rejected(client, parent.id)).json()) as Batch;
  expect(await ended(system, client, child.id)).toMatchObject({ counts: { accepted: 1, rejected: 0, duplicate: 0 } });
  expect(own.of(child.id).flatMap(numbersOf)).toEqual(["1"]);
});

test("a retry is refused if the report does not list all rejected records, because the others are not stored", async () => {
  const client = await newClient(system.url, { ...strict, maxStoredErrors: 3, chunkRecords: 2 });
  const parent = await imported(client, '{"n":"x"}\n'.repeat(5));
  expect(parent.counts).toMatchObject({ received: 5, rejected: 5 });
  const response = await rejected(client, parent.id);
  expect(await response.json()).toMatchObject({
    status: 409,
    code: "illegal-state",
    detail: expect.stringMatching(/lists 3 of 5 rejected records; the others are not kept.* send it again/),
  });
});

testOnce("refused: nothing rejected, not ended, another client's, an unknown query or body", async () => {
  const client = await newClient(system.url, { ...strict, maxConcurrentBatches: 5 });
  const whole = await imported(client, '{"n":1}');
  expect(await codeOf(await rejected(client, whole.id))).toEqual([409, "illegal-state"]);
  const waiting = await newClient(system.url, { handler: "slow.run" });
  const { id } = await accepted(system.url, waiting, '{"n":1}');
  expect(await codeOf(await rejected(waiting, id))).toEqual([409, "illegal-state"]);
  expect(await codeOf(await rejected(client, id))).toEqual([404, "not-found"]);
  expect(await codeOf(await retry(client, id))).toEqual([404, "not-found"]);
  expect(await codeOf(await retry(client, whole.id, "?only=all"))).toEqual([422, "validation"]);
  expect(await codeOf(await retry(client, whole.id, "?all=rejected"))).toEqual([422, "validation"]);
});
