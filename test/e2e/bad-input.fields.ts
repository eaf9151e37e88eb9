/** Idempotency keys and digests that `POST /imports` must refuse. */
import { gzipSync } from "node:zlib";
import type { BadCase } from "./bad-input.kit.ts";
import { csv, type Expected, gzip, json, malformed, ndjson, offset, small, upload } from "./bad-input.uploads.ts";

const wrongHeader = (header: string): Expected => ({ status: 400, code: "invalid-header", has: { header } });
const keyed = (name: string, key: string) =>
  upload(`a key ${name}`, ndjson, "{}", wrongHeader("Idempotency-Key"), { headers: { "idempotency-key": key } });
const digested = (name: string, field: string) =>
  upload(`a digest ${name}`, ndjson, "{}", wrongHeader("Content-Digest"), { headers: { "content-digest": field } });
const mismatch: Expected = { status: 400, code: "digest-mismatch" };
const ofNothing = { headers: { "content-digest": "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:" } };

export const uploadFields: BadCase[] = [
  keyed("that is empty", ""),
  keyed("that is empty in quotes", '""'),
  keyed("with a blank", "a b"),
  keyed("with a blank in quotes", '"a b"'),
  keyed("whose quote never ends", '"abc'),
  keyed("with more behind its quote", '"abc"d'),
  keyed("with an escape of its own", '"a\\n"'),
  keyed("of other letters", "caf\xe9"),
  keyed("that is too long", "k".repeat(256)),
  keyed("that is far too long", "k".repeat(5_000)),
  keyed("that is two", '"a", "b"'),
  digested("that is empty", ""),
  digested("of nothing but commas", ",,"),
  digested("without a value", "sha-256"),
  digested("that is a text", 'sha-256="abc"'),
  digested("that is bare", "sha-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
  digested("that is not closed", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
  digested("that is too short", "sha-256=:AAAA:"),
  digested("of another algorithm's length", `sha-512=:${"A".repeat(43)}=:`),
  digested("in letters of its own", "sha-256=:äöü:"),
  digested("in capitals", "SHA-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"),
  digested("with a comma too many", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:,"),
  upload("another body than its digest says", ndjson, "{}", mismatch, ofNothing),
  upload("another body than its digest says, after stored chunks", ndjson, "{}\n{}\n{}\n", mismatch, {
    ...small,
    ...ofNothing,
  }),
  upload("another gzip than its digest says", csv, gzipSync("a\n1\n"), mismatch, {
    headers: { ...gzip.headers, ...ofNothing.headers },
  }),
  upload("refused with a key", json, "[{},{},", malformed({ offset }), {
    ...small,
    headers: { "idempotency-key": "refused" },
  }),
];
