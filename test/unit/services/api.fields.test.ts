import type { IncomingMessage } from "node:http";
import { contentDigestsOf, idempotencyKeyOf } from "../../../services/api/http/fields.ts";

const keyed = (...lines: string[]) =>
  idempotencyKeyOf({ headersDistinct: lines.length > 0 ? { "idempotency-key": lines } : {} } as IncomingMessage);
const digested = (field?: string) => contentDigestsOf({ headers: { "content-digest": field } } as never);

const wrong = (header: string) => expect.objectContaining({ type: "invalid-header", data: { header } });
const sha256 = Buffer.alloc(32, 7);
const sha512 = Buffer.alloc(64, 9);
const base64 = (bytes: Buffer) => bytes.toString("base64");
const found256 = { algorithm: "sha-256", hex: sha256.toString("hex") };
const found512 = { algorithm: "sha-512", hex: sha512.toString("hex") };

test.each([
  ["8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"],
  ['"8e03978e"', "8e03978e"],
  ['"a\\"b\\\\c"', 'a"b\\c'],
  ["a,b;c=d", "a,b;c=d"],
  ['it"is', 'it"is'],
  ["a\\b", "a\\b"],
  ["x".repeat(255), "x".repeat(255)],
  [`"${"x".repeat(255)}"`, "x".repeat(255)],
  [`"${'\\"'.repeat(255)}"`, '"'.repeat(255)],
])("the key %s is %s", (line, key) => {
  expect(keyed(line)).toBe(key);
});

test("without the header there is no key", () => expect(keyed()).toBeUndefined());

test.each([
  [""],
  ['""'],
  ['"a'],
  ["a b"],
  ['"a b"'],
  ['"'],
  ['"a"b'],
  ['"a";b=1'],
  ['"a\\b"'],
  ['"a", "b"'],
  ["ü"],
  ["a\tb"],
  ["x".repeat(256)],
  [`"${"x".repeat(256)}"`],
  ["a", "a"],
])("the key %j is malformed", (...lines) => {
  expect(() => keyed(...lines)).toThrow(wrong("Idempotency-Key"));
});

test.each([
  [undefined, undefined],
  [`sha-256=:${base64(sha256)}:`, [found256]],
  [`sha-512=:${base64(sha512)}:`, [found512]],
  [`sha-256=:${base64(sha256).replace("=", "")}:`, [found256]],
  [`md5=:AAAA:, sha-256=:${base64(sha256)}: ,\tsha-512=:${base64(sha512)}:`, [found256, found512]],
  [`sha-256=:${base64(sha256)}:;a;b=1;c="x\\"y"`, [found256]],
  [`sha-256=:${base64(Buffer.alloc(32))}:,sha-256=:${base64(sha256)}:`, [found256]],
  ["md5=:AAAA:", []],
  ["unixsum=::", []],
])("the digest field %s", (field, found) => {
  expect(digested(field)).toEqual(found);
});

test.each([
  [""],
  [" "],
  [","],
  ["sha-256"],
  ["sha-256=?1"],
  ["sha-256=abc"],
  [`sha-256=${base64(sha256)}`],
  [`sha-256=:${base64(sha256)}`],
  [`sha-256=:${base64(sha256)}:,`],
  [`sha-256=:${base64(sha256)}: x`],
  [`sha-256=:${base64(sha256)}:;`],
  [`SHA-256=:${base64(sha256)}:`],
  [`sha-256=:${base64(sha256).slice(4)}:`],
  ["sha-256=::"],
  [`sha-512=:${base64(sha256)}:`],
  ["sha-256=:_-_-:"],
  ["md5=:AAAA:, sha-256=1"],
  ["md5=:A:"],
  [`sha-256=(:${base64(sha256)}:)`],
])("the digest field %j is malformed", (field) => {
  expect(() => digested(field)).toThrow(wrong("Content-Digest"));
});
