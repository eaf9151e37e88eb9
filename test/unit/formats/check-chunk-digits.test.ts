/**
 * The promise: a number is stored with all its digits. A handler gets it as a number if a double can hold it, otherwise as text.
 */

import type { Envelope, Format } from "../../../formats/formats.ts";
import { checkChunk } from "../../../formats/parts.ts";
import { compileRecordSchema } from "../../../formats/schema/record-schema.ts";
import { patience } from "../../helpers/patience.ts";

function check(format: Format, lines: string[], schema: object, envelope: Envelope = {}) {
  const validator = compileRecordSchema(schema, { coerce: format === "csv" });
  const chunk = { firstLine: 1, records: lines.length, data: Buffer.from(lines.join("\n")), oversized: [] };
  return checkChunk(chunk, { format, envelope, validator, values: true, maxRecordBytes: 2 ** 24 });
}
const csv = (cells: string[], type = "number") =>
  check("csv", cells, { properties: { a: { type } } }, { header: ["a"], delimiter: "," });

test.each([
  ["12345678901234567.89", "12345678901234567.89"],
  ["9007199254740993", "9007199254740993"],
  ["9007199254740993.0", "9007199254740993.0"],
  ["900719925474099.17", "900719925474099.17"],
  ["1e-400", "1e-400"],
  ["1e400", "1e400"],
  ["-1E+400", "-1E+400"],
  ["+00012345678901234567.890", "12345678901234567.890"],
  [" .10000000000000000001 ", "0.10000000000000000001"],
  ["-12345678901234567890.", "-12345678901234567890"],
])("%j of CSV is stored as %s, and delivered as that text", async (cell, stored) => {
  const { text, values, rejected } = await csv([cell]);
  expect([rejected, String(text)]).toEqual([[], `{"a":${stored}}`]);
  expect(values).toEqual([{ a: stored }]);
});

test.each([
  ["007", 7],
  [".5", 0.5],
  ["+5", 5],
  ["5.", 5],
  ["1e3", 1000],
  ["19.90", 19.9],
  ["0", 0],
  ["0e-999", 0],
  ["9007199254740992", 2 ** 53],
  ["0.30000000000000004", 0.30000000000000004],
])("%j of CSV is the number %p", async (cell, number) => {
  const { text, values } = await csv([cell]);
  expect([JSON.parse(text.toString()), values]).toEqual([{ a: number }, [{ a: number }]]);
});

test.each(["NaN", "Infinity", "-Infinity", "0x10", "1_000", "1e", "e5", ".", "1e9999999999999999"])(
  "%s of CSV is no number",
  async (cell) => {
    const { rejected } = await csv([cell]);
    expect(rejected.map(({ raw, errors }) => [raw, errors[0]?.code])).toEqual([[cell, "type"]]);
  },
);

test("in CSV only cells that the schema types as number become numbers", async () => {
  const { text } = await check(
    "csv",
    ["9007199254740993,9007199254740993"],
    { properties: { b: { type: "integer" } } },
    {
      header: ["a", "b"],
      delimiter: ",",
    },
  );
  expect(String(text)).toBe('{"a":"9007199254740993","b":9007199254740993}');
});

test("more than 100,000 such cells in one row are refused, in two rows not", async () => {
  const rejectedOf = async (width: number, rows: number) => {
    const header = Array.from({ length: width }, (_, i) => String(i));
    const row = Array(width).fill("1e999").join();
    const schema = { additionalProperties: { type: "number" } };
    const { rejected } = await check("csv", Array(rows).fill(row), schema, { header, delimiter: "," });
    return rejected;
  };
  expect(await rejectedOf(50_001, 2)).toEqual([]);
  expect((await rejectedOf(100_001, 1))[0]?.errors[0]).toMatchObject({ field: "", code: "too_large" });
});

test("a number that stands for others in a check is itself", async () => {
  const header = ["a", "b", "c", "d"];
  const properties = Object.fromEntries(header.map((name) => [name, { type: "number" }]));
  const cells = "7318300000e280,1e400,7318300001e-290,1e-400";
  const { text, values } = await check("csv", [cells], { properties }, { header, delimiter: "," });
  expect(String(text)).toBe('{"a":7318300000e280,"b":1e400,"c":7318300001e-290,"d":1e-400}');
  expect(values).toEqual([{ a: 7318300000e280, b: "1e400", c: 7318300001e-290, d: "1e-400" }]);
});

test("a long cell of digits that is not a number takes time proportional to its length", async () => {
  const began = performance.now();
  const { rejected } = await csv([`${"1".repeat(1_000_000)}x`, `${"0".repeat(1_000_000)}x`, `${" ".repeat(100_000)}x`]);
  expect(rejected).toHaveLength(3);
  expect(performance.now() - began).toBeLessThan(patience(2000));
});

describe.each(["ndjson", "json"] as const)("in %s", (format) => {
  const line = '{"a": 9007199254740993, "b":[1e400,{"c":-12345678901234567.89}], "d":1.0, "e":"1e400", "f":1e-400}';
  const delivered = {
    a: "9007199254740993",
    b: ["1e400", { c: "-12345678901234567.89" }],
    d: 1,
    e: "1e400",
    f: "1e-400",
  };

  test.each<[string, object]>([
    ["any", {}],
    ["a typed", { properties: { a: { type: "integer" }, d: { type: "number" } } }],
  ])("%s record is stored as it came, beside others", async (_name, schema) => {
    const { text, values, rejected } = await check(format, ['{"a":1}', line, '{"a":0.5e1}'], schema);
    expect([rejected, String(text)]).toEqual([[], `{"a":1}\n${line}\n{"a":0.5e1}`]);
    expect(values).toEqual([{ a: 1 }, delivered, { a: 5 }]);
  });

  test("a default beside changes nothing else", async () => {
    const schema = {
      properties: { d: { type: "number" }, x: { default: 0.1 }, y: { properties: { z: { default: 1 } } } },
    };
    const { text, values } = await check(format, [line, '{"a":1e400,"y":{}}'], schema);
    const [first, second] = text.toString().split("\n");
    expect(first).toBe(`${line.slice(0, -1)},"x":0.1}`);
    expect(second).toBe('{"a":1e400,"y":{"z":1},"x":0.1}');
    expect(values).toEqual([
      { ...delivered, x: 0.1 },
      { a: "1e400", y: { z: 1 }, x: 0.1 },
    ]);
  });

  test("a rejected record keeps its text", async () => {
    const { rejected } = await check(format, ['{"a":9007199254740993.5}'], { properties: { a: { type: "integer" } } });
    expect(rejected).toMatchObject([{ raw: '{"a":9007199254740993.5}', errors: [{ field: "a", code: "type" }] }]);
  });

  test("more than 100,000 such numbers in one record are refused", async () => {
    const line = (count: number) => `{"a":[${Array(count).fill("1e999").join()}]}`;
    const { rejected } = await check(format, [line(100_000), line(100_001)], { properties: { a: { type: "array" } } });
    expect(rejected.map(({ index, errors }) => [index, errors[0]?.code])).toEqual([[1, "too_large"]]);
  });

  test("a thousand such records among others", async () => {
    const lines = Array.from({ length: 3000 }, (_, i) => `{"id":${i % 3 ? i : `${90071992547409930n + BigInt(i)}`}}`);
    const { text, values } = await check(format, lines, { properties: { id: { type: "integer", minimum: 0 } } });
    expect(String(text)).toBe(lines.join("\n"));
    expect(values?.map(({ id }) => String(id))).toEqual(lines.map((one) => one.slice(6, -1)));
  });
});
