import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { Windows } from "../../services/imports/imports.windows.ts";
import { accepted, batchWhen, get, lines, newClient, post, type TestClient } from "../helpers/http.ts";
import { testOnce } from "../helpers/once.ts";
import { type System, startSystem } from "../helpers/system.ts";

let system: System;
let client: TestClient;
const schema = {
  type: "object",
  required: ["id", "amount"],
  properties: { id: { type: "integer" }, amount: { type: "number", minimum: 0 }, note: { type: "string" } },
};

beforeAll(async () => {
  system = await startSystem();
  client = await newClient(system.url, { schema });
});
afterAll(() => system.stop());

const good = [
  { id: 1, amount: 1.5 },
  { id: 2, amount: 0, note: "zwei, „drei“" },
];
const bodies: [string, string, string | Buffer][] = [
  ["NDJSON", "application/x-ndjson", good.map((record) => JSON.stringify(record)).join("\n")],
  ["JSON lines", "application/jsonl", `${good.map((record) => JSON.stringify(record)).join("\r\n")}\r\n`],
  ["CSV", "text/csv", 'id,amount,note\n1,1.5,\n2,0,"zwei, „drei“"\n'],
  ["CSV with semicolons", "text/csv; charset=utf-8", "\uFEFFid;amount;note\r\n1;1.5;\r\n2;0;zwei, „drei“\r\n"],
  ["a JSON array", "application/json", JSON.stringify(good, null, 2)],
  ["records in an object", "application/json", JSON.stringify({ records: good })],
];

test.each(bodies)("the records of %s are stored and can be read", async (_name, type, body) => {
  const { id } = await accepted(system.url, client, body as string, type);
  const batch = await batchWhen(system.url, client, id);
  expect(batch).toMatchObject({
    status: "completed",
    counts: { received: 2, accepted: 2, rejected: 0, duplicate: 0 },
    progress: 1,
  });
  expect(await lines(get(system.url, client, `/imports/${id}/records`))).toEqual([
    { record: 1, data: good[0] },
    { record: 2, data: good[1] },
  ]);
});

testOnce.each<[encoding: string, pack: (text: string) => Buffer]>([
  ["gzip", gzipSync],
  ["x-gzip", gzipSync],
  ["GZIP, identity", gzipSync],
  ["deflate", deflateSync],
  ["deflate", deflateRawSync],
  ["br", brotliCompressSync],
  ["identity,zstd", zstdCompressSync],
  ["identity", Buffer.from],
  ["br, gzip", (text) => gzipSync(brotliCompressSync(text))],
])("%s is decoded on the way", async (encoding, pack) => {
  const body = new Uint8Array(pack("id,amount\n1,2\n"));
  const { id } = await accepted(system.url, client, body, "text/csv", { "content-encoding": encoding });
  expect(await batchWhen(system.url, client, id)).toMatchObject({ status: "completed", bytes: 14 });
});

test("a body of many chunks is stored whole and in order", async () => {
  const count = 30_000;
  const body = Array.from(
    { length: count },
    (_, i) => `{"id":${i},"amount":${i / 2},"note":"${"x".repeat(100)}"}`,
  ).join("\n");
  const { id } = await accepted(system.url, client, body);
  const batch = await batchWhen(system.url, client, id);
  expect(batch.counts).toEqual({ received: count, accepted: count, rejected: 0, duplicate: 0 });
  const records = await lines<{ record: number; data: { id: number } }>(
    get(system.url, client, `/imports/${id}/records`),
  );
  expect(records).toHaveLength(count);
  expect(records.every(({ record, data }, i) => record === i + 1 && data.id === i)).toBe(true);
});

test("rejected records are reported with their line, faults and text", async () => {
  const body = 'id,amount\n1,1\n"two\n",x\n3,-1\n\n4,4\n';
  const { id } = await accepted(system.url, client, body, "text/csv");
  const batch = await batchWhen(system.url, client, id);
  expect(batch).toMatchObject({ status: "completed_with_errors", counts: { received: 4, accepted: 2, rejected: 2 } });
  expect(await lines(get(system.url, client, `/imports/${id}/errors`))).toMatchObject([
    {
      record: 2,
      line: 3,
      errors: [
        { field: "id", code: "type" },
        { field: "amount", code: "type" },
      ],
    },
    { record: 3, line: 5, errors: [{ field: "amount", code: "minimum" }], raw: "3,-1" },
  ]);
});

test("another client sees nothing of an import", async () => {
  const other = await newClient(system.url);
  const { id } = await accepted(system.url, client, '{"id":1,"amount":1}');
  for (const path of ["", "/errors", "/records"])
    expect((await get(system.url, other, `/imports/${id}${path}`)).status).toBe(404);
  expect((await post(system.url, other, '{"a":1}')).status).toBe(202);
});

test("a body of Brotli takes room for its window, among those of its client", async () => {
  const take = jest.spyOn(Windows.prototype, "take");
  const body = brotliCompressSync("id,amount\n1,2\n", { params: { [constants.BROTLI_PARAM_LGWIN]: 24 } });
  const { status } = await post(system.url, client, body, "text/csv", { "content-encoding": "br" });
  expect(status).toBe(202);
  expect(take.mock.calls).toEqual([[expect.any(Number), 2 ** 24]]);
  take.mockRestore();
});
