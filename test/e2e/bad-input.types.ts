/** Headers, queries and forms about a body that `POST /imports` must refuse. */
import { gzipSync } from "node:zlib";
import type { BadCase, Request } from "./bad-input.kit.ts";
import {
  csv,
  type Expected,
  emptyBody,
  encoded,
  json,
  malformed,
  ndjson,
  tooLarge,
  upload,
  wrongEncoding,
  wrongField,
  wrongType,
} from "./bad-input.uploads.ts";

const xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

const wrongHeaders = [
  upload("no Content-Type", null, "{}", wrongType),
  upload("plain text", "text/plain", "{}", wrongType),
  upload("another kind of multipart", "multipart/mixed; boundary=x", "--x--", wrongType),
  upload("what curl -d says", "application/x-www-form-urlencoded", "a=1", {
    ...wrongType,
    has: { detail: expect.stringContaining("--data-binary") },
  }),
  upload("the first letters of a workbook", xlsx, "PK", malformed({ found: "csv" })),
  upload("a type of a format that we do not know", "application/parquet", "PAR1", {
    ...wrongType,
    has: { detail: expect.stringMatching(/^The Content-Type "application\/parquet" is not taken: .*text\/csv/) },
  }),
  upload("a digit for a delimiter", "text/csv; delimiter=1", "a\n1\n", wrongType),
  upload("an apostrophe for a delimiter", "text/csv; delimiter='", "a\n1\n", wrongType),
  upload("a letter beyond ASCII for a delimiter", 'text/csv; delimiter="\xa7"', "a\n1\n", wrongType),
  upload("a delimiter that is no word of ours", "text/csv; delimiter=space", "a\n1\n", wrongType),
  upload("a header that is neither there nor not", "text/csv; header=maybe", "a\n1\n", wrongType),
  upload("no media type at all", "csv", "a\n1\n", wrongType),
  upload("a parameter without a value", "text/csv; charset", "a\n1\n", wrongType),
  upload("a quote that never ends", 'text/csv; delimiter=";', "a\n1\n", wrongType),
  upload("a charset that no browser decodes", "text/csv; charset=hz-gb-2312", "a\n1\n", wrongType),
  upload("neither header nor none", "text/csv; header=maybe", "a\n1\n", wrongType),
  upload("a delimiter that is a letter", "text/csv; delimiter=x", "a\n1\n", wrongType),
  upload("an unknown charset", "text/csv; charset=klingon", "a\n1\n", wrongType),
  upload("windows-1252 of JSON", "application/json; charset=windows-1252", "[{}]", wrongType),
  upload("a charset of mail for NDJSON", "application/x-ndjson; charset=utf-7", "{}", wrongType),
  upload("a delimiter of two letters", "text/csv; delimiter=ab", "a\n1\n", wrongType),
  upload("no delimiter", 'text/csv; delimiter=""', "a\n1\n", wrongType),
  upload("a quote for a delimiter", 'text/csv; delimiter="\\""', "a\n1\n", wrongType),
  upload("a line end for a delimiter", "text/csv; delimiter=\\n", "a\n1\n", wrongType),
  upload("an unknown encoding", ndjson, "{}", wrongEncoding, encoded("compress")),
  upload("a charset as its encoding", ndjson, "{}", wrongEncoding, encoded("utf-8")),
  upload("an unknown encoding in a list", ndjson, gzipSync("{}"), wrongEncoding, encoded("gzip, chunked")),
  upload("gzip twice", ndjson, gzipSync(gzipSync("{}")), wrongEncoding, encoded("gzip, gzip")),
  upload(
    "gzip twice, by two names",
    ndjson,
    gzipSync(gzipSync("{}")),
    wrongEncoding,
    encoded("gzip, identity, x-gzip"),
  ),
  upload("Brotli twice", ndjson, "{}", wrongEncoding, encoded("br,BR")),
  upload("a format that the policy does not take", json, "[{}]", wrongType, { as: "onlyCsv" }),
  upload("another format that the policy does not take", ndjson, "{}", wrongType, { as: "onlyCsv" }),
];

/** A form with the boundary x, of these lines. */
const form = (name: string, lines: string[], expected: Expected, options = {}) =>
  upload(`a form with ${name}`, "multipart/form-data; boundary=x", lines.join("\r\n"), expected, options);
const fileLines = (name: string, content = "a\n1\n", ...headers: string[]) => [
  "--x",
  `Content-Disposition: form-data; name="file"; filename="${name}"`,
  ...headers,
  "",
  content,
];
const noteLines = ["--x", 'Content-Disposition: form-data; name="note"', "", "please hurry"];

const forms = [
  form("no part", ["--x--"], wrongField("")),
  form("no file", [...noteLines, "--x--"], wrongField("/note")),
  form("two files", [...fileLines("a.csv"), ...fileLines("b.csv"), "--x--"], wrongField("/file")),
  form(
    "a second file, after stored chunks",
    [...fileLines("a.csv"), ...fileLines("b.csv"), "--x--"],
    wrongField("/file"),
    {
      as: "small",
    },
  ),
  form("a field behind its file", [...fileLines("a.csv"), ...noteLines, "--x--"], wrongField("/note")),
  form("no end", fileLines("a.csv"), malformed({})),
  form("no end, after stored chunks", fileLines("a.csv", "a\n1\n2\n3\n"), malformed({}), { as: "small" }),
  form("a cut boundary", [...fileLines("a.csv"), "--x-"], malformed({})),
  form("another boundary", ["--y", ...fileLines("a.csv").slice(1), "--y--"], malformed({})),
  form("a header that never ends", fileLines("a.csv").slice(0, 2), malformed({})),
  form("an empty file", [...fileLines("a.csv", ""), "--x--"], emptyBody),
  form("a file whose name has no ending", [...fileLines("csv"), "--x--"], wrongType),
  form("a file of an unknown kind", [...fileLines("a.dat"), "--x--"], wrongType),
  form("CSV that is called a workbook", [...fileLines("a.xlsx"), "--x--"], malformed({ found: "csv" })),
  form(
    "an archive that is called CSV",
    [...fileLines("a.csv", "PK\x03\x04...."), "--x--"],
    malformed({ found: "zip" }),
  ),
  form(
    "a file in base64",
    [...fileLines("a.csv", "YQo=", "Content-Transfer-Encoding: base64"), "--x--"],
    malformed({}),
  ),
  form("a file that the policy does not take", [...fileLines("a.json"), "--x--"], wrongType, { as: "onlyCsv" }),
  form("a file that is too large", [...fileLines("a.csv", `a\n${"\n".repeat(3_000)}`), "--x--"], tooLarge(2_000), {
    as: "small",
  }),
  upload("without a boundary", "multipart/form-data", "--x--", malformed({})),
  upload("with an empty boundary", 'multipart/form-data; boundary=""', "----", malformed({})),
  upload("with a long boundary", `multipart/form-data; boundary=${"x".repeat(71)}`, "--x--", malformed({})),
].map((one): BadCase => ({ ...one, name: one.name.replace("multipart/form-data; boundary=x", "multipart/form-data") }));

const named = (
  name: string,
  query: string,
  type: string | null,
  body: Request["body"],
  expected: Expected,
): BadCase => {
  const { request, ...rest } = upload(name, type, body, expected);
  return { ...rest, request: { ...request, path: `/imports?${query}` } };
};
const queries = [
  named("a format that is none", "format=xml", csv, "a\n1\n", wrongField("/format")),
  named("an empty format", "format=", csv, "a\n1\n", wrongField("/format")),
  named("a format twice", "format=csv&format=csv", csv, "a\n1\n", wrongField("/format")),
  named("a format and more", "format=csv&x=1", csv, "a\n1\n", wrongField("/x")),
  named("CSV that is a workbook by the query", "format=xlsx", csv, "a\n1\n", malformed({ found: "csv" })),
  named("JSON by the query", "format=json", csv, "a\n1\n", malformed({ offset: 0 })),
  named("a type that cannot be read, with a format", "format=csv", "text/csv; charset", "a\n1\n", wrongType),
];

export const types: BadCase[] = [...wrongHeaders, ...forms, ...queries];
