/** The promise: merge patches correct a few rejected records as one correction, which is a batch like any other. */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { outcomeOf, problemOf } from "../../e2e/imported.ts";
import { accepted, type Batch, batchWhen, get, newClient, post, type TestClient } from "../../helpers/http.ts";
import { testOnce } from "../../helpers/once.ts";
import { type System, startSystem } from "../../helpers/system.ts";

let url: string;
let system: System;
beforeAll(async () => {
  system = await startSystem();
  url = system.url;
});
afterAll(() => system.stop());

const NDJSON = "application/x-ndjson";
const schema = {
  required: ["id", "n"],
  properties: { n: { type: "integer", minimum: 1 }, day: { type: "string", format: "date" } },
};

const send = (own: TestClient, id: string, body: string | Buffer, headers: Record<string, string> = {}) =>
  fetch(`${url}/imports/${id}/corrections`, {
    method: "POST",
    headers: { authorization: own.auth, "content-type": NDJSON, ...headers },
    body: body as string,
  });
const lines = (...all: object[]) => all.map((one) => `${JSON.stringify(one)}\n`).join("");

async function patched(own: TestClient, id: string, ...all: object[]) {
  const response = await send(own, id, lines(...all));
  expect([response.status, response.status === 202 ? "" : await response.text()]).toEqual([202, ""]);
  const batch = (await response.json()) as Batch;
  expect(response.headers.get("location")).toBe(`/imports/${batch.id}`);
  const outcome = await outcomeOf(url, own, batch.id);
  const codes = outcome.errors.map(({ record, errors: [fault] }) => [record, fault?.code]);
  return { ...outcome, id: batch.id, data: outcome.records.map(({ data }) => data), codes };
}

async function batchOf(own: TestClient, body: string | Buffer, type = "text/csv") {
  const { id } = await accepted(url, own, body as string, type);
  await batchWhen(url, own, id);
  return id;
}
const seen = async (own: TestClient, id: string) => (await (await get(url, own, `/imports/${id}`)).json()) as Batch;
const text = async (own: TestClient, path: string) => (await get(url, own, path)).text();

test("CSV: the record is patched as it was read, and the first batch counts it", async () => {
  const read = { fields: { day: { format: "%d.%m.%Y" }, price: { decimalChar: "," } } };
  const types = { ...schema.properties, price: { type: "number" }, tags: { type: "object" } };
  const own = await newClient(url, { schema: { ...schema, properties: types }, read, formats: ["csv"] });
  const first = await batchOf(own, "id;n;day;price\na;0;24.11.2026;1,50\nb;7;;2,5\nc;x;24.13.2026;3,25\n");
  const { data, batch, codes } = await patched(
    own,
    first,
    { record: 1, patch: { n: 4, day: null, tags: { a: { b: null }, c: 1 } } },
    { record: 3, patch: { n: 9 } },
  );
  expect(data).toEqual([{ id: "a", n: 4, price: 1.5, tags: { a: {}, c: 1 } }]);
  expect(batch).toMatchObject({ corrects: first, format: "ndjson", counts: { received: 2, accepted: 1, rejected: 1 } });
  expect(codes).toEqual([[2, "format"]]);
  expect(await seen(own, first)).toMatchObject({ counts: { rejected: 2, corrected: 1 } });
});

test("JSON: members keep their digits, and lists are replaced whole", async () => {
  const own = await newClient(url, { schema });
  const body = '[{"id":9007199254740993,"n":0,"x":{"y":1.10,"z":[1,2]},"__proto__":1},{"id":1,"n":2}]';
  const first = await batchOf(own, body, "application/json");
  const sent = '{"record":1,"patch":{"n":12345678901234567890,"x":{"z":[3]},"__proto__":{"a":1}}}';
  const { id } = (await (await send(own, first, sent)).json()) as Batch;
  await batchWhen(url, own, id);
  expect(await text(own, `/imports/${id}/records`)).toBe(
    '{"record":1,"data":{"id":9007199254740993,"n":12345678901234567890,"x":{"y":1.10,"z":[3]},"__proto__":{"a":1}}}\n',
  );
});

test("a patch is refused as not-rejected if its record was not rejected, is unreadable, comes twice or is corrected already", async () => {
  const own = await newClient(url, { schema: {}, maxRecordBytes: 1024 });
  const strict = { properties: { n: { minimum: 1 } } };
  const other = await newClient(url, { schema: strict, maxRecordBytes: 1024 });
  const body = `{"n":0}\n{"n":1}\n{"n":\n[1]\n{"n":0,"t":"${"x".repeat(2000)}"}\n{"n":-1}\n`;
  const first = await batchOf(other, body, NDJSON);
  const all = [1, 2, 3, 4, 5, 1, 99, 2 ** 40].map((record) => ({ record, patch: { n: 5 } }));
  const { data, codes, errors, id } = await patched(other, first, ...all);
  expect(data).toEqual([{ n: 5 }]);
  expect(codes).toEqual([2, 3, 4, 5, 6, 7, 8].map((record) => [record, "not-rejected"]));
  expect(errors[0]?.raw).toBe('{"record":2,"n":5}');
  expect((await patched(other, first, { record: 1, patch: { n: 6 } })).codes).toEqual([[1, "not-rejected"]]);
  // Broken lines are no records, so neither a retry nor a patch delivers them.
  expect((await patched(other, id, { record: 1, patch: { n: 7 } })).codes).toEqual([[1, "not-rejected"]]);
  const again = await fetch(`${url}/imports/${id}/retry?only=rejected`, {
    method: "POST",
    headers: { authorization: other.auth },
  });
  const retried = await outcomeOf(url, other, ((await again.json()) as Batch).id);
  expect([again.status, retried.records, retried.batch.counts.rejected]).toEqual([202, [], 7]);
  expect((await send(own, first, lines({ record: 1, patch: {} }))).status).toBe(404);
  expect(await seen(other, first)).toMatchObject({ counts: { rejected: 5, corrected: 1 } });
});

test("the new batch is like any other: a file of its rejected records, which corrects the first one", async () => {
  const own = await newClient(url, { schema, keepBodyDays: 1 });
  const first = await batchOf(own, "id,n\na,0\nb,0\n");
  const { id, data } = await patched(own, first, { record: 2, patch: { n: 1 } }, { record: 1, patch: { x: 1 } });
  expect(data).toEqual([{ id: "b", n: 1 }]);
  const preview = await (await get(url, own, `/imports/${id}/preview`)).json();
  expect(preview).toMatchObject({ records: [{ raw: '{"id":"b","n":1}' }, { raw: '{"id":"a","n":0,"x":1}' }] });
  const file = await text(own, `/imports/${id}/rejected`);
  expect(file).toBe('{"_record":2,"_errors":"n: must be >= 1","id":"a","n":0,"x":1}\n');
  const second = await patched(own, id, { record: 2, patch: { n: 3, x: null } });
  expect(second.data).toEqual([{ id: "a", n: 3 }]);
  expect(await seen(own, first)).toMatchObject({ counts: { corrected: 2 } });
});

test("a workbook's row is patched as it was read, and a row with NUL cannot be patched", async () => {
  const own = await newClient(url, { schema });
  const first = await batchOf(own, "id,n\na\0,0\n\ufffd,0\n");
  const { data, codes } = await patched(own, first, { record: 1, patch: { n: 1 } }, { record: 2, patch: { n: 1 } });
  expect([data, codes]).toEqual([[{ id: "\ufffd", n: 1 }], [[1, "not-rejected"]]]);
});

testOnce.each<[string, string, number, object]>([
  ["no JSON", '{"record":1,"patch":{}}\n\n{"record":', 400, { code: "malformed-body", line: 3 }],
  ["no object", "[1]\n", 400, { code: "malformed-body", line: 1 }],
  ["a name twice", '{"record":1,"patch":{"a":1,"a":2}}', 400, { code: "malformed-body", line: 1 }],
  ["too deep", `{"record":1,"patch":{"a":${"[".repeat(1100)}${"]".repeat(1100)}}}`, 400, { code: "malformed-body" }],
  ["no number", '{"record":"1","patch":{}}', 422, { errors: [{ pointer: "/record" }], line: 1 }],
  ["a broken number", '{"record":1.5,"patch":{}}', 422, { errors: [{ pointer: "/record" }] }],
  ["no patch", '{"record":1,"patch":[]}', 422, { errors: [{ pointer: "/patch" }] }],
  ["another member", '{"record":1,"patch":{},"a/b":1}', 422, { errors: [{ pointer: "/a~1b" }] }],
  ["a member of the file", '{"record":1,"patch":{"_record":1}}', 422, { errors: [{ pointer: "/patch/_record" }] }],
  ["nothing", "\n \n", 400, { code: "empty-body" }],
  ["a long line", `{"record":1,"patch":{"a":"${"x".repeat(5000)}"}}`, 413, { code: "payload-too-large", limit: 4096 }],
  ["too many lines", '{"record":1,"patch":{}}\n'.repeat(10_001), 413, { code: "too-many-records", limit: 10_000 }],
])("refused: %s", async (_, body, status, problem) => {
  const own = await newClient(url, { schema, maxRecordBytes: 3072 });
  const first = await batchOf(own, "id,n\na,0\n");
  expect(await problemOf(await send(own, first, body))).toMatchObject({ status, ...problem });
  const { items } = (await (await get(url, own, "/imports")).json()) as { items: Batch[] };
  expect(items.map(({ id }) => id)).toEqual([first]);
});

test("key, digest and encoding hold as for any upload, and only an ended batch is corrected", async () => {
  const own = await newClient(url, { schema });
  const first = await batchOf(own, "id,n\na,0\n");
  const body = gzipSync(lines({ record: 1, patch: { n: 1 } }));
  const digest = `sha-256=:${createHash("sha256").update(body).digest("base64")}:`;
  const packed = { "content-encoding": "gzip" };
  const wrong = await send(own, first, body, { ...packed, "content-digest": `sha-256=:${"A".repeat(43)}=:` });
  expect(await problemOf(wrong)).toMatchObject({ status: 400, code: "digest-mismatch" });
  const headers = { ...packed, "content-digest": digest, "idempotency-key": "one" };
  const made = (await (await send(own, first, body, headers)).json()) as Batch;
  const again = await send(own, first, body, headers);
  expect([again.headers.get("idempotent-replayed"), ((await again.json()) as Batch).id]).toEqual(["true", made.id]);
  const plain = await send(own, first, lines({ record: 1, patch: { n: 2 } }), { "idempotency-key": "one" });
  expect(await problemOf(plain)).toMatchObject({ status: 422, code: "idempotency-key-reused" });
  expect((await send(own, first, "{}", { "content-type": "text/csv" })).status).toBe(415);
  expect((await send(own, "nothing", "{}")).status).toBe(404);
  const waiting = await newClient(url, { schema, requiresApproval: true });
  const { id } = (await (await post(url, waiting, "{}")).json()) as Batch;
  expect(await problemOf(await send(waiting, id, lines({ record: 1, patch: {} })))).toMatchObject({
    ...{ status: 409, code: "illegal-state", current: "held" },
  });
});
