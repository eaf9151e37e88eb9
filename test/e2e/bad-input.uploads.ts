/** Bodies and their headers that `POST /imports` must refuse. */
import { gzipSync } from "node:zlib";
import type { BadCase, Request } from "./bad-input.kit.ts";

export type Expected = Pick<BadCase, "status" | "code" | "has" | "pointers" | "headers">;

export const ndjson = "application/x-ndjson";
export const csv = "text/csv";
export const json = "application/json";

export function upload(
  name: string,
  type: string | null,
  body: Request["body"],
  expected: Expected,
  { as = "free", headers = {} }: { as?: string; headers?: Record<string, string> } = {},
): BadCase {
  const content: Record<string, string> = type === null ? {} : { "content-type": type };
  return {
    name: `POST ${type ?? "without a type"}: ${name}`,
    as,
    request: { method: "POST", path: "/imports", headers: { ...content, ...headers }, body },
    ...expected,
  };
}

export const emptyBody: Expected = { status: 400, code: "empty-body" };
export const malformed = (has: Record<string, unknown>): Expected => ({ status: 400, code: "malformed-body", has });
export const wrongField = (...pointers: string[]): Expected => ({ status: 422, code: "validation", pointers });
export const wrongType: Expected = { status: 415, code: "unsupported-media-type", headers: { accept: /text\/csv/ } };
export const wrongEncoding: Expected = {
  status: 415,
  code: "unsupported-encoding",
  headers: { "accept-encoding": /^gzip, deflate, br, zstd, x-gzip, identity$/ },
};
export const tooLarge = (limit: number): Expected => ({ status: 413, code: "payload-too-large", has: { limit } });
const tooMany = (limit: number): Expected => ({ status: 413, code: "too-many-records", has: { limit } });

export const small = { as: "small" };
export const gzip = { headers: { "content-encoding": "gzip" } };
export const encoded = (encoding: string) => ({ headers: { "content-encoding": encoding } });
export const offset = expect.any(Number);
/** Several chunks of the usual size. */
const long = Array.from({ length: 30_000 }, (_, i) => `{"a":${i},"text":"${"x".repeat(80)}"}`);

const empty = [
  upload("no byte", ndjson, "", emptyBody),
  upload("chunked, no byte", ndjson, [], emptyBody),
  upload("only blank lines", ndjson, "\n  \r\n\t\n\n", emptyBody),
  upload("only a BOM", ndjson, "\uFEFF", emptyBody),
  upload("gzip of nothing", ndjson, gzipSync(""), emptyBody, gzip),
  upload("no byte", csv, "", emptyBody),
  upload("only a header", csv, "a,b", emptyBody),
  upload("a header and blank lines", csv, "a,b\r\n\r\n\n", emptyBody),
  upload("only a BOM", csv, "\uFEFF", emptyBody),
  upload("no byte", json, "", emptyBody),
  upload("only spaces", json, " \n\t ", emptyBody),
  upload("an empty array", json, "[]", emptyBody),
  upload("an empty list of records", json, '{"records": [ ]}', emptyBody),
];

const brokenCsv = [
  upload("a quote that never ends", csv, 'a,b\n1,2\n"3,4\n5,6\n', malformed({ line: 3 })),
  upload("a quote that never ends, after stored chunks", csv, 'a\n1\n"2\n', malformed({ line: 3 }), small),
  upload("a quote that never ends, after lines in quotes", csv, 'a\n"1\n1"\n\n"2', malformed({ line: 5 })),
  upload("a header whose quote never ends", csv, '"a,b\n1,2\n', malformed({ line: 1 })),
  upload("a column without a name", csv, "a,,c\n1,2,3\n", malformed({ line: 1, column: 2 })),
  upload("an empty name in quotes", csv, 'a,"",c\n1,2,3\n', malformed({ line: 1, column: 2 })),
  upload("the same name twice", csv, "a;b;a\n1;2;3\n", malformed({ line: 1, column: 3 })),
  upload("the same name twice, quoted once", csv, 'a,"a"\n1,2\n', malformed({ line: 1 })),
  upload("the same name twice, on line 3", csv, "\n\r\na,a\n1,2\n", malformed({ line: 3 })),
  upload("a header that is no UTF-8", csv, Buffer.from("a\xff,b\n1,2\n", "latin1"), malformed({ line: 1 })),
  upload("a header longer than a record may be", csv, `${"a".repeat(200)}\n1\n`, malformed({ line: 1 }), small),
];

const brokenJson = [
  upload("null", json, "null", malformed({ offset: 0 })),
  upload("a number", json, "12", malformed({ offset: 0 })),
  upload("a text", json, ' "abc"', malformed({ offset: 1 })),
  upload("no JSON at all", json, "<xml/>", malformed({ offset: 0 })),
  upload("NDJSON", json, '{"a":1}\n{"a":2}\n', malformed({ found: "ndjson" })),
  upload("an array that never ends", json, '[{"a":1}', malformed({ offset: 8 })),
  upload(
    "an array that never ends, after stored chunks",
    json,
    '[{"a":1},{"a":2},{"a":3}',
    malformed({ offset: 24 }),
    small,
  ),
  upload("an array that never ends, of megabytes", json, `[${long.join(",")}`, malformed({ offset })),
  upload(
    "an array that never ends, in many pieces",
    json,
    ["[", ...long.map((text) => `${text},`)],
    malformed({ offset }),
  ),
  upload("a string that never ends", json, '[{"a":"b}]', malformed({ offset: 10 })),
  upload("an object that never ends", json, '{"records":[{}]', malformed({ offset: 15 })),
  upload("a comma after the last", json, '[{"a":1},]', malformed({ offset: 9 })),
  upload("a comma before the first", json, '[,{"a":1}]', malformed({ offset: 1 })),
  upload("two commas", json, '[{"a":1},,{"a":2}]', malformed({ offset: 9 })),
  upload("no comma between", json, '[{"a":1} {"a":2}]', malformed({ offset: 9 })),
  upload("one bracket too many", json, '[{"a":1}]]', malformed({ offset: 9 })),
  upload("something after the end", json, '[{"a":1}] x', malformed({ offset: 10 })),
  upload("a bracket that does not match", json, '[{"a":[1}]', malformed({ offset: 8 })),
  upload("a bracket that does not match the array", json, '[{"a":1}}', malformed({ offset: 8 })),
  upload("an offset behind a BOM", json, "\uFEFF[,", malformed({ offset: 4 })),
  upload("an offset in bytes, not letters", json, '[{"ä":"€"},]', malformed({ offset: 14 })),
  upload("nesting without end", json, "[".repeat(5_000), malformed({ offset: 1_001 })),
  upload("a key without quotes", json, "{records:[]}", malformed({ offset: 1 })),
  upload("no colon", json, '{"records" [{}]}', malformed({ offset: 11 })),
  upload("a key that is no JSON", json, '{"rec\\xords":[{}]}', malformed({ offset })),
  upload("an object without records", json, "{}", malformed({ found: "object" })),
  upload("a single object", json, '{"a":1}', malformed({ found: "object" })),
  upload("a wrapper of another name", json, '{"rows":[{}]}', malformed({ found: "object" })),
  upload("a field beside the records", json, '{"records":[{}],"x":1}', wrongField("/x")),
  upload("a field beside stored records", json, '{"records":[{},{}],"a/b":1}', wrongField("/a~1b"), small),
  upload("the records twice", json, '{"records":[{}],"records":[{}]}', wrongField("/records")),
  upload("records that are an object", json, '{"records":{}}', wrongField("/records")),
  upload("records that are null", json, '{"records":null}', wrongField("/records")),
  upload("a field without end beside the records", json, `{"records":[{}],"${"k".repeat(5_000)}":[]}`, {
    status: 422,
    code: "validation",
  }),
  upload("a wrapper whose name is long", json, `{"${"k".repeat(5_000)}":[]}`, malformed({ found: "object" })),
];

const somethingElse = [
  upload("gzip without its encoding", csv, gzipSync("a\n1\n"), malformed({ found: "gzip" })),
  upload("gzip twice, declared once", ndjson, gzipSync(gzipSync("{}")), malformed({ found: "gzip" }), gzip),
  upload("a page", ndjson, "<!doctype html><p>502", malformed({ found: "html" })),
  upload("an archive", json, Buffer.from("PK\x03\x04".padEnd(100_000, "x")), malformed({ found: "zip" })),
  upload("an old workbook", csv, Buffer.from("d0cf11e0a1b11ae1", "hex"), malformed({ found: "xls" })),
  upload("UTF-16 without a byte order mark", csv, Buffer.from("a\n1\n", "utf16le"), malformed({ found: "utf-16" })),
  upload("UTF-32", csv, Buffer.from("fffe000061000000", "hex"), malformed({ found: "utf-32" })),
  upload("a form", csv, "--x\r\nContent-Disposition: form-data\r\n\r\n--x--", malformed({ found: "multipart" })),
  upload("JSON", csv, '[{"a":1}]', malformed({ found: "json" })),
  upload("a pretty-printed array", ndjson, "[\n{}\n]", malformed({ found: "json" })),
  upload("a table without line ends", csv, "id,nameA1,Ann", {
    ...emptyBody,
    has: { detail: expect.stringContaining("--data-binary") },
  }),
];

const tooMuch = [
  upload("one record too many", ndjson, "{}\n{}\n{}\n{}\n", tooMany(3), small),
  upload("one record too many, without a line end", ndjson, "{}\n{}\n{}\n{}", tooMany(3), small),
  upload("one record too many", csv, "a\n1\n2\n3\n4\n", tooMany(3), small),
  upload("one record too many", json, "[{},{},{},{}]", tooMany(3), small),
  upload("too long by its Content-Length", ndjson, `{"a":"${"x".repeat(2_000)}"}`, tooLarge(2_000), small),
  upload("too long while streaming", ndjson, Array(300).fill("\n\n\n\n\n\n\n\n"), tooLarge(2_000), small),
  upload("too long after stored chunks", ndjson, ["{}\n{}\n", ..."\n".repeat(2_100)], tooLarge(2_000), small),
  upload("too long once decoded", csv, gzipSync(`a\n1\n2\n${"\n".repeat(5_000)}`), tooLarge(2_000), {
    ...small,
    ...gzip,
  }),
];

const brokenGzip = [
  upload("no gzip", ndjson, '{"a":1}\n', malformed({}), gzip),
  upload("gzip that is cut off", ndjson, gzipSync(long.join("\n")).subarray(0, -9), malformed({}), gzip),
  upload("gzip with wrong bytes inside", csv, spoilt(gzipSync(long.join("\n"))), malformed({}), gzip),
  upload("gzip that says so of no byte", json, "", malformed({}), gzip),
  upload("no gzip within Brotli", csv, "a\n1\n", malformed({}), encoded("gzip, br")),
  ...["deflate", "br", "zstd"].flatMap((coding) => [
    upload(`no ${coding}`, ndjson, '{"a":1}\n', malformed({}), encoded(coding)),
    upload(`${coding} that says so of no byte`, csv, "", malformed({}), encoded(coding)),
  ]),
].map((one): BadCase => ({ ...one, has: { offset } }));

function spoilt(bytes: Buffer): Buffer {
  return Buffer.concat([
    bytes.subarray(0, bytes.length >> 1),
    Buffer.alloc(50, 0xff),
    bytes.subarray(bytes.length >> 1),
  ]);
}

export const uploads: BadCase[] = [...empty, ...brokenCsv, ...brokenJson, ...tooMuch, ...brokenGzip, ...somethingElse];
