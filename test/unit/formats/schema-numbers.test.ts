/** The promise: a schema judges the number that was sent, not the double next to it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { numberWithDigits } from "../../../formats/check/number-text.ts";
import { RecordNumbers } from "../../../formats/check/record-numbers.ts";
import { checkChunk } from "../../../formats/parts.ts";
import { compileRecordSchema, recordSchemaFaults } from "../../../formats/schema/record-schema.ts";
import { patience } from "../../helpers/patience.ts";
import { rounds, seeded } from "../../helpers/seeded.ts";
import { aDivisor, anyNumber, asBigInts } from "./numbers.kit.ts";

/** The faults of records `{"a": number}`, sent as JSON or as rows of CSV. Null for an accepted record. */
async function verdicts(schema: object, numbers: string[], format: "ndjson" | "csv" = "ndjson") {
  expect(recordSchemaFaults(schema)).toEqual([]);
  const isCsv = format === "csv";
  const data = Buffer.from(numbers.map((number) => (isCsv ? `${number}\n` : `{"a":${number}}\n`)).join(""));
  const validator = compileRecordSchema(schema, { coerce: isCsv });
  const chunk = { firstLine: 1, records: numbers.length, data, oversized: [] };
  const spec = { format, envelope: { header: ["a"] }, validator, values: false, maxRecordBytes: 2 ** 24 };
  const { rejected } = await checkChunk(chunk, spec);
  const byIndex = new Map(rejected.map(({ index, errors }) => [index, errors.map(({ code }) => code).join()]));
  return numbers.map((_number, index) => byIndex.get(index) ?? null);
}
const of = (a: object) => ({ properties: { a } });

test.each<[object, string, string | null]>([
  [{ type: "integer" }, "9007199254740993", null],
  [{ type: "integer" }, "9007199254740993.0", null],
  [{ type: "integer" }, "1e400", null],
  [{ type: "integer" }, "-12345678901234567890", null],
  [{ type: "integer" }, "123456789012345678901.5", "type"],
  [{ type: "integer" }, "0.99999999999999999999", "type"],
  [{ type: "integer" }, "1e-400", "type"],
  [{ type: "number" }, "1e400", null],
  [{ type: "number" }, "-1e-400", null],
  [{ type: ["integer", "string"] }, "1.00000000000000000001", "type"],
  [{ type: "string" }, "1e400", "type"],
  [{ maximum: 9007199254740992 }, "9007199254740993", "maximum"],
  [{ maximum: 9007199254740992 }, "9007199254740992", null],
  [{ maximum: 9007199254740994 }, "9007199254740993", null],
  [{ maximum: 0.1 }, "0.10000000000000000001", "maximum"],
  [{ maximum: 0.1 }, "0.09999999999999999999999", null],
  [{ maximum: 1e308 }, "1e400", "maximum"],
  [{ maximum: 1e308 }, "-1e400", null],
  [{ minimum: 0.1 }, "0.09999999999999999999999", "minimum"],
  [{ minimum: 0 }, "-1e-400", "minimum"],
  [{ minimum: 0 }, "1e-400", null],
  [{ exclusiveMinimum: 0 }, "1e-400", null],
  [{ exclusiveMinimum: 0 }, "0e-400", "exclusiveMinimum"],
  [{ exclusiveMinimum: 0.1 }, "0.10000000000000000001", null],
  [{ exclusiveMaximum: 1 }, "0.99999999999999999999", null],
  [{ exclusiveMaximum: 1 }, "1.00000000000000000000", "exclusiveMaximum"],
  [{ exclusiveMaximum: 9007199254740994 }, "9007199254740993", null],
  [{ enum: [0.1, 9007199254740992] }, "0.1", null],
  [{ enum: [0.1, 9007199254740992] }, "0.10000000000000000001", "enum"],
  [{ enum: [0.1, 9007199254740992] }, "9007199254740993", "enum"],
  [{ const: 0 }, "1e-400", "const"],
  [{ const: 0 }, "0e-400", null],
  [{ multipleOf: 1 }, "9007199254740993", null],
  [{ multipleOf: 2 }, "9007199254740993", "multipleOf"],
  [{ multipleOf: 3 }, "9007199254740993", null],
  [{ multipleOf: 0.01 }, "12345678901234567.89", null],
  [{ multipleOf: 0.01 }, "12345678901234567.891", "multipleOf"],
  [{ multipleOf: 0.5 }, "1e308", null],
  [{ multipleOf: 0.123456789 }, "1e308", "multipleOf"],
  [{ multipleOf: 7 }, "1e1000000000", "multipleOf"],
  [{ multipleOf: 0.25 }, "1e1000000000", null],
  [{ multipleOf: 1e-300 }, "1e-400", "multipleOf"],
  [{ multipleOf: 1e300 }, "1e400", null],
  [{ multipleOf: 5e-324 }, "1", null],
  [{ multipleOf: 1e-8 }, "12391239123", null],
  [{ format: "int64" }, "9223372036854775807", null],
  [{ format: "int64" }, "9223372036854775808", "format"],
  [{ format: "int64" }, "-9223372036854775808", null],
  [{ format: "int64" }, "-9223372036854775809", "format"],
  [{ format: "int32" }, "12345678901234567890", "format"],
  [{ not: { maximum: 0.1 } }, "0.10000000000000000001", null],
  [{ anyOf: [{ minimum: 9007199254740994 }, { type: "null" }] }, "9007199254740993", "minimum"],
])("%j of %s: %s", async (schema, number, fault) => {
  expect(await verdicts(of(schema), [number])).toEqual([fault]);
});

test.each<[string, boolean]>([
  ["[9007199254740992,9007199254740993]", true],
  ["[9007199254740993,9007199254740993]", false],
  ["[9007199254740993,9007199254740993.0]", false],
  ["[0.1,0.10000000000000000001,0.100000000000000000010,1]", false],
  ["[1e400,1e401,-1e400,1e-400,0]", true],
  ['[{"x":1e400},{"x":10e399}]', false],
  ["[1e20,100000000000000000000,1e400]", false],
])("the items of %s are unique: %s", async (list, isUnique) => {
  expect(await verdicts(of({ uniqueItems: true }), [list])).toEqual([isUnique ? null : "uniqueItems"]);
});

const suite = join(__dirname, "../../vendor/json-schema-test-suite/draft2020-12");

/** The groups of a file of the official suite, in which the data's numbers keep their digits. */
function groupsOf(file: string): [string, object, { data: object; valid: boolean }[]][] {
  const keep = (_name: string, value: unknown, { source }: { source: string }) =>
    typeof value === "number" ? numberWithDigits(source) : value;
  const parse = JSON.parse as (text: string, reviver: typeof keep) => never[];
  return parse(readFileSync(join(suite, file), "utf8"), keep).map(({ description, schema, tests }) => [
    description,
    JSON.parse(JSON.stringify(schema)),
    tests,
  ]);
}

describe.each(["optional/bignum.json", "optional/float-overflow.json", "multipleOf.json", "uniqueItems.json"])(
  "%s of the official suite, as a body brings it",
  (file) => {
    test.each(groupsOf(file))("%s", async (_name, schema, tests) => {
      const { $schema: _, ...own } = schema as Record<string, unknown>;
      const numbers = tests.map(({ data }) => JSON.stringify(data));
      const isValid = (await verdicts(of(own), numbers)).map((fault) => fault === null);
      expect(isValid).toEqual(tests.map(({ valid }) => valid));
    });
  },
);

test("a number that stands for others in a check is itself", async () => {
  const both = ["7318300000e280", "7318300000e-290"].map((number) => `[${number},1e400,1e-400]`);
  const first = (type: string) => of({ prefixItems: [{ type }], uniqueItems: true });
  expect(await verdicts(first("number"), both)).toEqual([null, null]);
  expect(await verdicts(first("integer"), both)).toEqual([null, "type"]);
});

test.each(["ndjson", "csv"] as const)("every amount of cents is a multiple of 0.01, in %s", async (format) => {
  const schema = of({ type: "number", multipleOf: 0.01 });
  const amounts = Array.from({ length: rounds(20_000) }, (_, cents) => (cents / 100).toFixed(2));
  expect((await verdicts(schema, amounts, format)).filter(Boolean)).toEqual([]);
  const between = amounts.map((amount) => `${amount}5`);
  expect((await verdicts(schema, between, format)).filter((fault) => fault !== "multipleOf")).toEqual([]);
});

test("limits and multiples of any numbers are those of whole numbers", async () => {
  const random = seeded(5);
  for (let i = 0; i < rounds(40); i++) {
    const divisor = aDivisor(random);
    const limit = random() < 0.3 ? -divisor : divisor;
    const near = [String(limit), /[.e]/.test(String(limit)) ? "1" : `${limit}.0000000000000000000001`];
    const numbers = [...Array.from({ length: 40 }, () => anyNumber(random)), ...near];
    const expected = (isFault: (value: bigint, limit: bigint) => boolean, by: number) =>
      numbers.map((number) => isFault(...asBigInts(number, String(by))));
    const found = async (schema: object) => (await verdicts(of(schema), numbers)).map((fault) => fault !== null);
    expect(await found({ minimum: limit })).toEqual(expected((value, by) => value < by, limit));
    expect(await found({ maximum: limit })).toEqual(expected((value, by) => value > by, limit));
    expect(await found({ exclusiveMinimum: limit })).toEqual(expected((value, by) => value <= by, limit));
    expect(await found({ exclusiveMaximum: limit })).toEqual(expected((value, by) => value >= by, limit));
    expect(await found({ multipleOf: divisor })).toEqual(expected((value, by) => value % by !== 0n, divisor));
  }
});

test("a number of a million digits takes the time of its text, however often it is looked at", async () => {
  const schema = of({ allOf: Array.from({ length: 200 }, (_, i) => ({ multipleOf: i + 3, maximum: i })) });
  const began = performance.now();
  const [fault] = await verdicts(schema, [`1${"0".repeat(999_999)}1`]);
  expect(fault).toMatch(/too_large|maximum/);
  expect(performance.now() - began).toBeLessThan(patience(3000));
});

test("a number whose exponent has more than 15 digits is refused", async () => {
  const number = "1e1000000000000000";
  expect(await verdicts({}, [number])).toEqual(["malformed"]);
  expect(await verdicts(of({ type: "number" }), [number], "csv")).toEqual(["type"]);
});

test("long numbers count as work, so that a check of many yields to other work", () => {
  const validator = compileRecordSchema({}, { coerce: false });
  const numbers = new RecordNumbers();
  for (let i = 0; i < 10; i++) numbers.add("1e400");
  expect(validator.check({}, numbers)).toBeNull();
  expect(validator.work).toBe(2560);
});

test.each([
  [{ properties: { a: { const: { b: [7318300000e280] } } } }, "/properties/a/const/b/0"],
  [{ properties: { a: { default: 7318300001e-290 } } }, "/properties/a/default"],
])("a number of a schema that stands for others in a check is refused", (schema, pointer) => {
  expect(recordSchemaFaults(schema).map((fault) => fault.pointer)).toEqual([pointer]);
});
