/** The promise: any mixture of headers and bytes is either accepted or refused, and a refused one leaves nothing behind. */
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { get, newClient } from "../helpers/http.ts";
import { type System, startSystem } from "../helpers/system.ts";
import { seeded } from "../unit/formats/split-kit.ts";

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.stop());

const texts = [
  "id,name\nA1,Ann\nA2,Ben\n",
  "sep=;\nid;name\nA1;Ann\n",
  '{"id":"A1"}\n{"id":"A2"}\n',
  '[{"id":"A1"},{"id":"A2"}]',
  '{"records":[{"id":"A1"}]}',
  '{"data":[{"id":"A1"}]}',
  '--cut\r\nContent-Disposition: form-data; name="f"; filename="a.csv"\r\n\r\nid\r\n1\r\n--cut--\r\n',
  "<!doctype html><html></html>",
  "PK\x03\x04\x14\x00\x00\x00",
  "",
];
const packers: [name: string, pack: (bytes: Buffer) => Buffer][] = [
  ["identity", (bytes) => bytes],
  ["gzip", gzipSync],
  ["deflate", deflateSync],
  ["deflate", deflateRawSync],
  ["br", brotliCompressSync],
  ["zstd", zstdCompressSync],
  ["gzip, br", (bytes) => brotliCompressSync(gzipSync(bytes))],
];
const types = [
  "text/csv",
  "text/csv; charset=utf-16le",
  "text/csv; charset=shift_jis; delimiter=tab",
  "text/tab-separated-values",
  "application/vnd.ms-excel",
  "application/x-ndjson",
  "application/json",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  "multipart/form-data; boundary=cut",
  "application/octet-stream",
];
const queries = ["", "", "", "?format=csv", "?format=tsv", "?format=ndjson", "?format=json", "?format=xlsx"];

test("nothing ends in a 500, and only what is taken is there", async () => {
  const random = seeded(15);
  const oneOf = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const client = await newClient(system.url, { maxBytes: 10_000, rate: { requests: 1_000_000, windowSeconds: 60 } });
  const statuses: Record<number, number> = {};
  const sendOne = async () => {
    const text = Buffer.from(oneOf(texts), oneOf(["utf8", "utf16le"] as const));
    const [coding, pack] = oneOf(packers);
    const bytes = Buffer.from(pack(text));
    if (random(3) === 0 && bytes.length > 0) bytes[random(bytes.length)] = random(256);
    const body = new Uint8Array(random(4) === 0 ? bytes.subarray(0, random(bytes.length + 1)) : bytes);
    const said = random(5) === 0 ? oneOf(packers)[0] : coding;
    const headers = { authorization: client.auth, "content-type": oneOf(types), "content-encoding": said };
    const response = await fetch(`${system.url}/imports${oneOf(queries)}`, { method: "POST", body, headers });
    const answer = await response.text();
    // The request is part of the comparison, so that it can be read in a failure.
    if (![202, 400, 413, 415, 422].includes(response.status)) expect({ headers, body, answer }).toBeNull();
    statuses[response.status] = (statuses[response.status] ?? 0) + 1;
  };
  for (let round = 0; round < 100; round++) await Promise.all([sendOne(), sendOne(), sendOne(), sendOne()]);
  expect(Object.keys(statuses)).toEqual(expect.arrayContaining(["202", "400", "415"]));
  const { items, next } = (await (await get(system.url, client, "/imports?limit=200")).json()) as {
    items: unknown[];
    next: unknown;
  };
  expect([items.length, next]).toEqual([statuses[202], null]);
});
