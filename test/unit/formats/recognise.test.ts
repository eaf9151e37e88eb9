/**
 * The promise: a body that is plainly another kind of file is refused with its kind and with advice; a body that may be a table
 * is read.
 */
import { brotliCompressSync } from "node:zlib";
import type { Format } from "../../../formats/formats.ts";
import { createSplitter, type SplitOptions } from "../../../formats/parts.ts";
import { Problem } from "../../../lib/errors.ts";
import { big, csv, everyFormat, others, taken, utf16 } from "./recognise.cases.ts";

const limits = { chunkRecords: 100, chunkBytes: 1 << 20, maxRecords: 1_000_000, maxRecordBytes: 1 << 20 };

/** The number of records, or the refusal. `pieceBytes`: the size of the pieces in which the body comes. */
function read(format: Format, body: string | Buffer, options: SplitOptions = {}, pieceBytes = Infinity) {
  const splitter = createSplitter(format, limits, options);
  const bytes = Buffer.from(body as string);
  try {
    for (let at = 0; at < bytes.length; at += pieceBytes) splitter.push(bytes.subarray(at, at + pieceBytes));
    splitter.end();
    return splitter.records;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { code: error.type, detail: error.message, ...error.data } as Record<string, unknown>;
  }
}

describe.each(everyFormat)("%s", (_, found, body) => {
  test.each<[Format]>([["csv"], ["json"], ["ndjson"]])(`sent as %s is found as ${found}`, (format) => {
    const refusal = { code: "malformed-body", found, offset: 0, detail: expect.stringMatching(/^The body is .*\.$/) };
    expect(read(format, body)).toEqual(refusal);
    for (const pieceBytes of [1, 3, 100]) expect(read(format, body, {}, pieceBytes)).toEqual(refusal);
  });
});

test.each(others)("%s sent as %s is found as %s", (_, format, found, detail, body) => {
  const refusal = { code: "malformed-body", found, offset: 0, detail: expect.stringMatching(detail) };
  for (const pieceBytes of [Infinity, 1, 7]) expect(read(format, body, {}, pieceBytes)).toEqual(refusal);
  const bom = Buffer.from([0xff, 0xfe]);
  expect(read(format, Buffer.concat([bom, utf16(body)]))).toEqual(refusal);
});

test.each(taken)("%s in %s: read (%d records)", (_, format, records, body, options = {}) => {
  for (const pieceBytes of [Infinity, 1, 7]) expect(read(format, body, options, pieceBytes)).toBe(records);
});

test("members beside the records are reported as fields", () => {
  const unknown = (pointer: string) => ({ code: "validation", errors: [{ pointer, detail: "unknown field" }] });
  expect(read("json", '{"records":[{}],"x":1}')).toMatchObject(unknown("/x"));
  expect(read("json", '{"x":1,"records":[{}]}')).toMatchObject(unknown("/x"));
});

test.each([
  ["a line", '{"records":[{"id":"A1"}]}\n'],
  ["an open line", '{ "records" : []}'],
  ["a long line", `{"records":[{"id":"${big}"},{"id":"${big}"}]}`],
])("a body of JSON as %s of NDJSON is refused", (_, body) => {
  for (const pieceBytes of [Infinity, 1, 7])
    expect(read("ndjson", body, {}, pieceBytes)).toMatchObject({ code: "malformed-body", found: "json" });
});

test("the refusal of UTF-16 names its charset, also where the request names the other one", () => {
  const named = (charset: string) => ({ found: "utf-16", detail: expect.stringContaining(`charset=${charset} `) });
  for (const encoding of ["utf-8", "utf-16be"])
    expect(read("csv", utf16(csv), { encoding })).toMatchObject(named("utf-16le"));
  for (const encoding of ["utf-8", "utf-16le"])
    expect(read("csv", utf16(csv, true), { encoding })).toMatchObject(named("utf-16be"));
});

test("text that is declared as UTF-16 but is not is refused", () => {
  for (const text of [csv, `id,größe\nA1,€\n${"ü".repeat(200)}`])
    expect(read("csv", text, { encoding: "utf-16le" })).toMatchObject({ code: "malformed-body", found: "utf-8" });
});

test.each<[Format, string]>([
  ["ndjson", "{}\n{}\n"],
  ["ndjson", '{"é":1}\n'],
  ["json", "[{}\n,"],
])("text in %s is read at once, however little of it has come", (format, start) => {
  const splitter = createSplitter(format, { ...limits, chunkRecords: 1, maxRecords: 0 });
  const push = () => {
    for (const byte of Buffer.from(start)) splitter.push(Buffer.of(byte));
  };
  expect(push).toThrow(expect.objectContaining({ type: "too-many-records" }));
});

test("records of an earlier batch are read without this check", () => {
  expect(read("ndjson", "[{}]\n", { isKnown: true })).toBe(1);
});

describe("CSV on one line", () => {
  const joined = "id,name,amountA1,Ann,10A2,Ben,20";
  const told = { code: "empty-body", detail: expect.stringContaining("--data-binary") };

  test.each([
    ["a table", joined],
    ["a table with the same cell twice, which no header has", "id,nameA1,AnnA2,Ann,x"],
    ["a table with an empty cell", "id,name,amountA1,,10"],
    ["a long table", `id,name${"A1,Ann".repeat(300_000)}`],
    ["a header", "id,name"],
  ])("%s: the sender hears of curl", (_, body) => {
    for (const pieceBytes of [Infinity, 1000]) expect(read("csv", body, {}, pieceBytes)).toEqual(told);
  });

  const strict = (names: string[], required: string[]): SplitOptions => ({
    isField: (name) => names.includes(name),
    checkColumns: (columns) => {
      const unknown = columns.filter((column) => !names.includes(column)).map((column) => ({ column, near: null }));
      const missing = required.filter((name) => !columns.includes(name));
      if (unknown.length + missing.length > 0)
        throw Object.assign(new Problem("malformed-body", "Wrong.", { missing, unknown }), { type: "wrong-columns" });
      return 0;
    },
  });

  test("is reported instead of wrong columns, unless the names themselves are wrong", () => {
    const options = strict(["id", "name", "amount"], ["id", "amount"]);
    expect(read("csv", joined, options)).toEqual(told);
    expect(read("csv", "id,name,price", options)).toMatchObject({ code: "wrong-columns" });
    expect(read("csv", "id,name,price\n", options)).toMatchObject({ code: "wrong-columns" });
  });

  test("is a record if there is no header", () => {
    expect(read("csv", "A1,Ann", { hasHeader: false, read: undefined })).toMatchObject({ code: "malformed-body" });
  });

  test("with a line end is a header, or what is wrong with it", () => {
    expect(read("csv", "id,name\n")).toEqual({ code: "empty-body", detail: "The body holds no record." });
    expect(read("csv", "id,id\n")).toMatchObject({ code: "malformed-body", line: 1 });
  });
});

test("an encoding without a signature is not guessed at", () => {
  expect(read("json", brotliCompressSync(csv))).toMatchObject({ code: "malformed-body" });
});
