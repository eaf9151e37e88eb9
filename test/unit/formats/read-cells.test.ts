/** The promise: a cell is converted as the policy declares and in no other way, and a text that is no such value is refused. */
import fc from "fast-check";
import { checkChunk, createSplitter } from "../../../formats/parts.ts";
import { type FieldRead, type PartialRead, wholeRead } from "../../../formats/read/read.ts";
import { compileRecordSchema } from "../../../formats/schema/record-schema.ts";
import { rounds } from "../../helpers/seeded.ts";
import { wide } from "./split-kit.ts";

async function imported(body: string, schema: object, read: PartialRead, slowly = false) {
  const whole = wholeRead(read);
  const splitter = createSplitter("csv", wide, { read: whole });
  const chunks = [...splitter.push(Buffer.from(body)), ...splitter.end()];
  const validator = compileRecordSchema(schema, { coerce: true });
  const found = [];
  for (const chunk of chunks) {
    const { envelope } = splitter;
    const spec = { format: "csv" as const, envelope, validator, values: true, read: whole, maxRecordBytes: 1e6 };
    // A record that is too long makes its chunk take the slow path. This record is not in the result.
    found.push(await checkChunk(slowly ? { ...chunk, oversized: [99_999] } : chunk, spec));
  }
  const records = found.flatMap(({ text }) => (text.length === 0 ? [] : text.toString().split("\n")));
  return { records, rejected: found.flatMap(({ rejected }) => rejected) };
}

/** The field `a` of a record with one column `a`. A text in brackets is the code with which it was rejected. */
async function cell(text: string, type: object, field: object, read: PartialRead = {}) {
  const quoted = `"${text.replaceAll('"', '""')}"`;
  const schema = { properties: { a: type, n: {} } };
  const { records, rejected } = await imported(`a,n\n${quoted},1\n`, schema, { ...read, fields: { a: field } });
  if (rejected.length > 0) return [rejected[0]?.errors[0]?.code];
  const data = records[0] as string;
  return /^\{"a":(.*),"n":"1"\}$/.exec(data)?.[1] ?? "absent";
}

const number = { type: "number" };
const german = { decimalChar: ",", groupChar: "." };

test.each<[string, object, string | string[]]>([
  ["1234,56", german, "1234.56"],
  ["1.234,56", german, "1234.56"],
  ["1.234.567", german, "1234567"],
  ["1.234", german, "1234"],
  ["-0,5", german, "-0.5"],
  [",5", german, "0.5"],
  ["5,", german, "5"],
  ["1.23", german, ["type"]],
  ["1234.567", german, ["type"]],
  ["1.234,5.6", german, ["type"]],
  ["1,234.56", german, ["type"]],
  ["0.123", german, ["type"]],
  ["001.234", german, ["type"]],
  ["0,12,345.8", { groupChar: "," }, ["type"]],
  ["1.234", { decimalChar: "," }, ["type"]],
  ["1,234.56", { groupChar: "," }, "1234.56"],
  ["12,34,567.8", { groupChar: "," }, "1234567.8"],
  ["1,2345", { groupChar: "," }, ["type"]],
  ["1 234,5", { decimalChar: ",", groupChar: " " }, "1234.5"],
  ["1\u00a0234\u202f567", { groupChar: " " }, "1234567"],
  ["1'234.50", { groupChar: "'" }, "1234.5"],
  ["12345678901234567,89", { decimalChar: "," }, "12345678901234567.89"],
  ["9.007.199.254.740.993", german, "9007199254740993"],
  ["€ 95", { bareNumber: false }, "95"],
  ["95 EUR", { bareNumber: false }, "95"],
  ["-95 EUR", { bareNumber: false }, "-95"],
  ["€ -95", { bareNumber: false }, "-95"],
  ["-€95.50", { bareNumber: false }, "-95.5"],
  ["\u221295 EUR", { bareNumber: false }, "-95"],
  ["95%", { bareNumber: false }, "95"],
  ["EUR 1.234,50", { ...german, bareNumber: false }, "1234.5"],
  ["\u2013 95 EUR", { bareNumber: false }, ["type"]],
  ["95\u2013", { bareNumber: false }, ["type"]],
  ["\uff0d95", { bareNumber: false }, ["type"]],
  ["(95)", { bareNumber: false }, ["type"]],
  ["95-", { bareNumber: false }, ["type"]],
  ["9O5", { bareNumber: false }, ["type"]],
  ["--95", { bareNumber: false }, ["type"]],
  ["Rs.95", { bareNumber: false }, ["type"]],
  ["Rs.95", { ...german, bareNumber: false }, "95"],
  ["€ .95", { ...german, bareNumber: false }, ["type"]],
  [",95", { bareNumber: false }, ["type"]],
  ["2026-01-31", { bareNumber: false }, ["type"]],
  ["95 m²", { bareNumber: false }, ["type"]],
  ["EUR", { bareNumber: false }, ["type"]],
  ["€ 95", {}, ["type"]],
  ["NaN", german, ["type"]],
  ["1,5", {}, ["type"]],
])("the number %j by %j is %j", async (text, field, wanted) => {
  expect(await cell(text, number, field)).toEqual(wanted);
});

const date = { type: "string", format: "date" };
const dateTime = { type: "string", format: "date-time" };
const time = { type: "string", format: "time" };

test.each<[string, object, string | string[], string | string[]]>([
  ["31.01.2026", date, "%d.%m.%Y", "2026-01-31"],
  ["1.2.2026", date, "%d.%m.%Y", "2026-02-01"],
  ["20260131", date, "%Y%m%d", "2026-01-31"],
  ["3112026", date, "%d%m%Y", ["format"]],
  ["29.02.2024", date, "%d.%m.%Y", "2024-02-29"],
  ["29.02.2026", date, "%d.%m.%Y", ["format"]],
  ["29.02.1900", date, "%d.%m.%Y", ["format"]],
  ["31.11.2026", date, "%d.%m.%Y", ["format"]],
  ["2026-01-31", date, ["%d.%m.%Y", "%Y-%m-%d"], "2026-01-31"],
  // Only the declared format is read, even if the schema would accept the text as a date.
  ["2026-01-31", date, "%d.%m.%Y", ["format"]],
  ["03/04/2026", date, ["%m/%d/%Y", "%d/%m/%Y"], "2026-03-04"],
  ["31/04/2026", date, ["%m/%d/%Y", "%d/%m/%Y"], ["format"]],
  ["31.01.2026 ", date, "%d.%m.%Y", ["format"]],
  ["31.01.2026 00:00", date, "%d.%m.%Y 00:00", "2026-01-31"],
  ["31.01.2026 13:45", dateTime, "%d.%m.%Y %H:%M", "2026-01-31T13:45:00Z"],
  ["2026-01-31T13:45:01.25+0200", dateTime, "%Y-%m-%dT%H:%M:%S.%f%z", "2026-01-31T13:45:01.25+02:00"],
  ["31.01.2026", dateTime, "%d.%m.%Y", "2026-01-31T00:00:00Z"],
  ["31.01.2026 24:00", dateTime, "%d.%m.%Y %H:%M", ["format"]],
  ["7:05", time, "%H:%M", "07:05:00Z"],
  ["7h05", time, "%Hh%M", "07:05:00Z"],
  ["07:05:09-03:30", time, "%H:%M:%S%z", "07:05:09-03:30"],
])("the date %j of %j by %j is %j", async (text, type, format, wanted) => {
  expect(await cell(text, type, { format })).toEqual(typeof wanted === "string" ? `"${wanted}"` : wanted);
});

test.each<[string, object, object, PartialRead, string | string[]]>([
  ["JA", { type: "boolean" }, { trueValues: ["ja"], falseValues: ["nein"] }, {}, "true"],
  ["NÃO", { type: "boolean" }, { trueValues: ["sim"], falseValues: ["não"] }, {}, "false"],
  ["NA\u0303O", { type: "boolean" }, { trueValues: ["sim"], falseValues: ["não"] }, {}, "false"],
  ["ja\u200b", { type: "boolean" }, { trueValues: ["ja"] }, {}, ["type"]],
  ["true", { type: "boolean" }, { trueValues: ["ja"], falseValues: ["nein"] }, {}, ["type"]],
  ["Yes", { type: "boolean" }, {}, {}, "true"],
  ["0", { type: "boolean" }, {}, {}, "false"],
  ["on", { type: "boolean" }, {}, {}, ["type"]],
  ["ja", { type: ["boolean", "string"] }, { trueValues: ["ja"] }, {}, "true"],
  ["yes", { type: ["boolean", "string"] }, {}, {}, '"yes"'],
  ["a| b |c", { type: "array" }, { separator: "|" }, {}, '["a","b","c"]'],
  ["a||", { type: "array" }, { separator: "|" }, {}, '["a",""]'],
  ["|", { type: "array" }, { separator: "|" }, {}, '[""]'],
  ["1,5;2,5", { type: "array", items: number }, { separator: ";", decimalChar: "," }, {}, "[1.5,2.5]"],
  ["1;x", { type: "array", items: number }, { separator: ";" }, {}, ["type"]],
  ["1.2.2026;x", { type: "array", items: date }, { separator: ";", format: "%d.%m.%Y" }, {}, ["format"]],
  [" x\u00a0", {}, {}, {}, '" x\u00a0"'],
  [" x\u00a0", {}, {}, { trim: true }, '"x"'],
  [" x ", {}, { trim: false }, { trim: true }, '" x "'],
  [" ", {}, {}, { trim: true }, "absent"],
  [" ", {}, {}, {}, '" "'],
  ["NULL", {}, {}, { missingValues: ["", "NULL"] }, "absent"],
  ["null", {}, {}, { missingValues: ["", "NULL"] }, '"null"'],
  ["", {}, {}, { missingValues: ["NULL"] }, '""'],
  ["-", {}, { missingValues: ["-"] }, { missingValues: ["NULL"] }, "absent"],
  [" - ", number, { missingValues: ["-"], trim: true }, {}, "absent"],
  ["x", number, { missingValues: ["-"] }, {}, ["type"]],
])("%j of %j by %j and %j is %j", async (text, type, field, read, wanted) => {
  expect(await cell(text, type, field, read)).toEqual(wanted);
});

test("a path fills the nested field; empty cells make no object", async () => {
  const schema = { properties: { address: { properties: { zip: {}, geo: { properties: { lat: number } } } } } };
  const body = "address.zip,address.geo.lat,x.y\n01067,5,a\n,,b\n";
  expect((await imported(body, schema, {})).records).toEqual([
    '{"address":{"zip":"01067","geo":{"lat":5}},"x.y":"a"}',
    '{"x.y":"b"}',
  ]);
});

test("unknown columns are dropped if the policy says so, and rows may end early", async () => {
  const schema = { properties: { a: {}, b: {} } };
  const read: PartialRead = { unknownColumns: "drop", fillShortRows: true };
  const { records, rejected } = await imported('a,x,b\n1,"2",3\n4\n5,6\n7,8,9,10\n', schema, read);
  expect(records).toEqual(['{"a":"1","b":"3"}', '{"a":"4"}', '{"a":"5"}']);
  expect(rejected).toMatchObject([{ line: 5, errors: [{ code: "columns" }] }]);
});

test("errors name the column, the cell's text and what is accepted", async () => {
  const schema = {
    required: ["a"],
    properties: {
      ...{ a: number, d: date, f: { type: "boolean" }, c: { enum: ["x", "y"] }, n: { type: "integer" } },
      ...{ o: { type: ["integer", "null"] }, p: { anyOf: [{ type: "null" }, number] } },
    },
  };
  const fields = {
    a: { titles: ["Betrag"], ...german },
    d: { titles: ["Tag"], format: ["%d.%m.%Y", "%Y-%m-%d"] },
    f: { trueValues: ["ja"], falseValues: ["nein"] },
  };
  const body = "Betrag;TAG;f;c;n;o;p\n1,2,3;31.11.2026;x;z\u00a0;1.5;x;x\n;;;;1;;\n";
  const { rejected } = await imported(body, schema, { fields });
  expect(rejected[0]?.errors).toEqual(
    expect.arrayContaining([
      { field: "a", column: "Betrag", code: "type", value: "1,2,3", message: "must be a number like 1.234,56" },
      {
        field: "d",
        column: "TAG",
        code: "format",
        value: "31.11.2026",
        message: "must be a date like 29.11.2026 or 2026-11-29",
      },
      { field: "f", code: "type", value: "x", message: "must be ja for true, nein for false" },
      { field: "c", code: "enum", value: "z\\u00a0", message: 'must be one of "x", "y"' },
      { field: "n", code: "type", value: "1.5", message: "must be a whole number like 1234" },
      { field: "o", code: "type", value: "x", message: "must be a whole number like 1234" },
      { field: "p", code: "anyOf", value: "x", message: "must be a number like 1234.56" },
    ]),
  );
  expect(rejected[1]?.errors).toEqual([{ field: "a", column: "Betrag", code: "required", message: "is required" }]);
});

const anyRead: fc.Arbitrary<PartialRead> = fc.record({
  trim: fc.boolean(),
  fillShortRows: fc.boolean(),
  unknownColumns: fc.constantFrom("keep" as const, "drop" as const),
  missingValues: fc.constantFrom([""], ["", "-"], ["NULL"]),
  fields: fc.constantFrom<Record<string, FieldRead>[]>(
    {},
    { n: { decimalChar: ",", groupChar: "." }, t: { trim: true } },
    { d: { format: "%d.%m.%Y" }, n: { bareNumber: false } },
    { f: { trueValues: ["ja"] }, l: { separator: "|" }, n: { missingValues: ["x"] } },
  ),
});
const anyCell = fc.oneof(
  fc.constantFrom(
    "",
    " ",
    "-",
    "NULL",
    "x",
    " x",
    "x\u00a0",
    "\ufeff",
    '""',
    '"a,b"',
    '"a""b"',
    '" x "',
    '"x"y',
    "a|b|",
    '"1,5"',
  ),
  fc.constantFrom(
    "1",
    "1.5",
    " 2 ",
    "1.234",
    '"1.234,5"',
    "€ 95",
    "9007199254740993",
    "-0",
    "007",
    "true",
    "Ja",
    "no",
    "31.01.2026",
  ),
);

test("the fast reader and the slow reader agree for every declaration", async () => {
  const schema = {
    properties: {
      n: number,
      d: date,
      f: { type: "boolean" },
      l: { type: ["array", "string"] },
      t: { maxLength: 2 },
      z: { default: 1 },
    },
  };
  await fc.assert(
    fc.asyncProperty(
      anyRead,
      fc.array(fc.array(anyCell, { minLength: 5, maxLength: 7 }), { minLength: 1 }),
      async (read, rows) => {
        const body = `n,d,f,l,t,other,\n${rows.map((row) => row.join(",")).join("\n")}\nx,,,,,`;
        expect(await imported(body, schema, read)).toEqual(await imported(body, schema, read, true));
      },
    ),
    { numRuns: rounds(300) },
  );
});
