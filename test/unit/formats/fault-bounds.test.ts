/** The promise: what a record adds to the error report, and by its schema's defaults, is limited. */

import type { CheckSpec } from "../../../formats/check/chunk-verdict.ts";
import { boundedFault, cutText, ReportRoom } from "../../../formats/check/fault-bounds.ts";
import { growthShare, usualGrowthOf } from "../../../formats/check/record-growth.ts";
import type { Format } from "../../../formats/formats.ts";
import { checkChunk } from "../../../formats/parts.ts";
import { compileRecordSchema } from "../../../formats/schema/record-schema.ts";

const MIB = 2 ** 20;

async function check(schema: object, lines: string[], over: Partial<CheckSpec> & { maxRecordBytes?: number } = {}) {
  const { format = "ndjson", maxRecordBytes = MIB } = over;
  const validator = compileRecordSchema(schema, { coerce: format === "csv" });
  const spec = { format: format as Format, envelope: {}, validator, values: false, maxRecordBytes, ...over };
  const data = Buffer.from(lines.map((line) => `${line}\n`).join(""));
  return checkChunk({ firstLine: 1, records: lines.length, data, oversized: [] }, spec);
}

describe("a text that is too long", () => {
  test.each([
    ["abcde", 5, "abcde"],
    ["abcdef", 5, "abcd…"],
    ["ab\u{1F600}cd", 5, "ab\u{1F600}…"],
    ["abc\u{1F600}d", 5, "abc…"],
  ])("%s has at most %i characters", (text, most, cut) => {
    expect(cutText(text, most)).toBe(cut);
  });

  test("is cut in a field, a code and a message", () => {
    const long = "x".repeat(5_000);
    const { field, code, message } = boundedFault({ field: long, code: long, message: long });
    expect([field.length, code.length, message.length]).toEqual([1_000, 255, 1_000]);
    expect([field, code, message].every((text) => text.endsWith("…"))).toBe(true);
  });
});

describe("a fault of the schema", () => {
  const name = "n".repeat(9_000);
  const items = { additionalProperties: { items: { type: "string" } } };

  test.each([
    ["a long path", items, { [name]: [1] }],
    ["a long path of letters that a pointer writes as two", items, { ["/".repeat(3_000)]: [1] }],
    ["a name that is not known", { additionalProperties: false }, { [name]: 1 }],
    ["a name of the schema", { dependentRequired: { [name]: ["b"] } }, { [name]: 1 }],
  ])("with %s is cut", async (_what, schema, record) => {
    const { rejected } = await check(schema, [JSON.stringify(record)]);
    const [{ field = "", message = "" } = {}] = rejected[0]?.errors ?? [];
    expect([field, message].map((text) => text.length).sort()).toContain(1_000);
    expect(Math.max(field.length, message.length)).toBe(1_000);
  });

  test("is not reported for each of many long paths", async () => {
    const record = JSON.stringify({ [name]: Array(100).fill(1) });
    const { rejected } = await check(items, [record]);
    expect(rejected[0]?.errors).toHaveLength(3);
    const one = await check(items, [JSON.stringify({ ["n".repeat(100_000)]: Array(100).fill(1) })]);
    expect(one.rejected[0]?.errors).toHaveLength(1);
  });

  test("with many values costs little, however often it comes", async () => {
    const values = Array.from({ length: 4_000 }, (_, i) => `value ${i}`);
    const record = JSON.stringify({ a: Array(100).fill(1) });
    const { rejected } = await check({ properties: { a: { items: { enum: values } } } }, Array(300).fill(record));
    expect(rejected).toHaveLength(300);
    expect(rejected[0]?.errors[99]?.message).toMatch(/^must be one of "value 0", .*"value 9" and 3990 more$/);
  });
});

describe("the report", () => {
  const required = { required: Array.from({ length: 5 }, (_, i) => `f${i}`) };

  test("lists whole records, and stops at the first that does not fit", async () => {
    const lines = ["{}", "{}", "{}", '{"f0":1,"f1":1,"f2":1,"f3":1,"f4":1}', '{"f0":1,"f1":1,"f2":1,"f3":1}'];
    const checked = await check(required, lines, { maxFaults: 13 });
    expect(checked.rejected.map(({ index, errors }) => [index, errors.length])).toEqual([
      [0, 5],
      [1, 5],
    ]);
    expect(checked.unlisted).toEqual([2, 4]);
    expect(checked.text.toString()).toBe(lines[3]);
  });

  test("of one chunk has at most 100,000 faults, and 16 Mi characters", () => {
    const fault = { field: "a", code: "b", message: "c" };
    const rows = new ReportRoom(1_000_000);
    expect(rows.take(Array(100_000).fill(fault))).toBe(true);
    expect(rows.take([fault])).toBe(false);
    const characters = new ReportRoom(1_000_000);
    const long = { ...fault, message: "x".repeat(MIB - 1) };
    expect(characters.take(Array(16).fill(long))).toBe(true);
    expect(characters.take([fault])).toBe(false);
  });
});

describe("defaults", () => {
  const schemaOf = (length: number) => ({ properties: { a: { type: "string" }, d: { default: "x".repeat(length) } } });

  test("make no record longer than it may be", async () => {
    const checked = await check(schemaOf(80), ["{}", '{"a":"0123456789"}', '{"d":""}'], { maxRecordBytes: 100 });
    expect(checked.rejected).toMatchObject([{ index: 1, raw: '{"a":"0123456789"}', errors: [{ code: "too_large" }] }]);
    expect(checked.text.toString().split("\n")).toHaveLength(2);
  });

  test("count in CSV, where the names of the columns do not", async () => {
    const names = ["a", "n".repeat(90), "d"];
    const csv = { format: "csv" as const, maxRecordBytes: 100, envelope: { delimiter: ",", header: names } };
    const checked = await check(schemaOf(82), ["0123456789,0123456789,", ",0123456789,x", ",,"], csv);
    expect(checked.rejected.map(({ index, errors }) => [index, errors[0]?.code])).toEqual([[0, "too_large"]]);
  });

  test("of each item of a list fill no memory", async () => {
    const schema = { properties: { a: { items: { properties: { d: { default: "x".repeat(20_000) } } } } } };
    const { rejected, text } = await check(schema, Array(1_000).fill(JSON.stringify({ a: Array(40).fill({}) })));
    expect(text.length).toBeLessThan(9 * MIB + 1);
    expect(rejected.at(-1)?.errors).toMatchObject([{ code: "too_large", message: /its chunk/ }]);
    const one = await check(schema, [JSON.stringify({ a: Array(400).fill({}) })]);
    expect(one.rejected[0]?.errors).toMatchObject([{ code: "too_large" }]);
  });

  test.each<[string, object, string, string]>([
    ["lines", {}, '{"a":1}', '{"a":1,"d":"0"}'],
    ["rows", { format: "csv", envelope: { delimiter: ",", header: ["a", "d"] } }, "1,", "1,0"],
  ])("have a bound for all %s of a chunk together", async (_what, over, short, whole) => {
    const schema = { properties: { d: { default: "x".repeat(93) } } };
    const { rejected, records } = await check(schema, [short, whole, short, short, whole], { ...over, maxGrowth: 250 });
    expect(records).toBe(5);
    expect(rejected).toMatchObject([
      { index: 3, errors: [{ code: "too_large", message: /makes its batch too large/ }] },
    ]);
  });

  test("may add four times what the body may have to a batch, and 64 MiB in any case", () => {
    const GIB = 2 ** 30;
    expect([growthShare(GIB, 5_000, 10_000_000), growthShare(1, 3, 3)]).toEqual([(4 * GIB) / 2_000, 64 * MIB]);
  });

  test("that double at each level end the check", async () => {
    const next = (level: number) => ({ default: {}, $ref: `#/$defs/d${level}` });
    const levels = Array.from({ length: 16 }, (_, i) => [`d${i}`, { properties: { a: next(i + 1), b: next(i + 1) } }]);
    const $defs = { ...Object.fromEntries(levels), d16: { properties: { x: { default: "y".repeat(20_000) } } } };
    const { rejected } = await check({ $ref: "#/$defs/d0", $defs }, ["{}"]);
    expect(rejected[0]?.errors).toMatchObject([{ code: "too_large" }]);
  });
});

test.each<[string, object, number]>([
  ["none", { properties: { a: { $ref: "#/$defs/b" } }, $defs: { b: {} } }, 0],
  ["in one place each", { properties: { a: { default: "xyz", properties: { b: { default: 1 } } } } }, 16],
  ["of items", { properties: { a: { items: { properties: { b: { default: 1 } } } } } }, Number.POSITIVE_INFINITY],
  ["behind a reference", { $ref: "#/$defs/a", $defs: { a: { default: 1 } } }, Number.POSITIVE_INFINITY],
])("what defaults may add to a record: %s", (_what, schema, growth) => {
  expect(compileRecordSchema(schema, { coerce: false }).growth).toBe(growth);
});

test("a chunk is cut as if each record had four items with their defaults", () => {
  const ofItems = { properties: { a: { items: { properties: { b: { default: "x".repeat(100) } } } } } };
  expect(usualGrowthOf(ofItems)).toBe(4 * (102 + 5));
  expect(usualGrowthOf({ properties: { b: { default: 1 } } })).toBe(1 + 5);
});
