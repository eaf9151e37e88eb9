import type { Format } from "../../../formats/formats.ts";
import { checkChunk } from "../../../formats/parts.ts";
import { compileRecordSchema } from "../../../formats/schema/record-schema.ts";

interface Given {
  schema?: object;
  format?: Format;
  records: number;
  oversized?: number[];
  firstLine?: number | null;
  maxRecordBytes?: number;
}

function check(
  data: string | Buffer,
  { schema = {}, format = "ndjson", records, oversized = [], firstLine = 1, maxRecordBytes = 40 }: Given,
) {
  const chunk = { firstLine, records, data: Buffer.from(data as string), oversized };
  const validator = compileRecordSchema(schema, { coerce: false });
  return checkChunk(chunk, { format, envelope: {}, validator, values: true, maxRecordBytes });
}

const told = (checked: Awaited<ReturnType<typeof check>>) =>
  checked.rejected.map(({ index, line, raw, errors }) => [index, line, raw, errors.map(({ code }) => code).join()]);

describe("a chunk of JSON lines", () => {
  test.each([
    ["as it came", '{"a": 1.0}\n{"b":2}\n', 2, '{"a": 1.0}\n{"b":2}'],
    ["without a last newline", '{"a":1}\n{"b":2}', 2, '{"a":1}\n{"b":2}'],
    ["without CR", '{"a":1}\r\n{"b":2}\r\n', 2, '{"a":1}\n{"b":2}'],
    ["without blank lines", '\n{"a":1}\n \t\r\n\n{"b":2}\n\n', 2, '{"a":1}\n{"b":2}'],
    ["with its spaces", '  {"a":1}\n', 1, '  {"a":1}'],
    ["with characters beyond ASCII", '{"a":"é\u2028€"}\n', 1, '{"a":"é\u2028€"}'],
  ])("is stored %s", async (_name, data, records, text) => {
    const checked = await check(data, { records });
    expect(checked).toMatchObject({ records, rejected: [] });
    expect(checked.text.toString()).toBe(text);
  });

  test("reports values that are not records, with their lines", async () => {
    const data = '{"a":1}\n\n{"a":\r\n[1]\nnull\n"x\0"\n{"a":2}\n';
    const checked = await check(data, { records: 6, firstLine: 10 });
    expect(checked.text.toString()).toBe('{"a":1}\n{"a":2}');
    expect(checked.values).toEqual([{ a: 1 }, { a: 2 }]);
    expect(told(checked)).toEqual([
      [1, 12, '{"a":', "malformed"],
      [2, 13, "[1]", "malformed"],
      [3, 14, "null", "malformed"],
      [4, 15, '"x\ufdd0"', "malformed"],
    ]);
  });

  test("reports several records on one line as an effect of curl -d", async () => {
    const messageOf = async (line: string) => (await check(line, { records: 1 })).rejected[0]?.errors[0]?.message;
    for (const line of ['{"a":1}{"a":2}', '{"a":"}"} {"a":', '{"a":{}}\t{}{}'])
      expect(await messageOf(line)).toMatch(/one line.*--data-binary/);
    for (const line of ['{"a":1}}', '{"a":1', '{"a":1},{"a":2}', '[{"a":1]{']) {
      expect(await messageOf(line)).toBeDefined();
      expect(await messageOf(line)).not.toMatch(/--data-binary/);
    }
  });

  test("invalid UTF-8 makes only its own record invalid", async () => {
    const data = Buffer.concat([
      Buffer.from('{"a":1}\n{"a":"'),
      Buffer.from([0xff]),
      Buffer.from('"}\r\n\n{"a":"é"}\nx\n'),
    ]);
    const checked = await check(data, { records: 4 });
    expect(checked.text.toString()).toBe('{"a":1}\n{"a":"é"}');
    expect(told(checked)).toEqual([
      [1, 2, '{"a":"\uFFFD"}', "encoding"],
      [3, 5, "x", "malformed"],
    ]);
  });

  test("a record that is too long", async () => {
    const checked = await check('{"a":1}\n{"a":"xxxx\n{"a":2}\n', { records: 3, oversized: [1] });
    expect(checked.text.toString()).toBe('{"a":1}\n{"a":2}');
    expect(told(checked)).toEqual([[1, 2, '{"a":"xxxx', "too_large"]]);
    expect(checked.rejected[0]?.errors[0]?.message).toContain("40 bytes");
  });

  test("a default is put into the record's own text", async () => {
    const schema = { properties: { b: { default: 5 } } };
    const { text } = await check('{"a": 1.0, "b": 2}\n{"a": 1.0}\r\n{ }\n', { schema, records: 3 });
    expect(String(text)).toBe('{"a": 1.0, "b": 2}\n{"a": 1.0,"b":5}\n{ "b":5}');
  });

  test("elements of a JSON array have no line", async () => {
    const checked = await check('{"a":1}\n7\n', { format: "json", records: 2, firstLine: null });
    expect(told(checked)).toEqual([[1, null, "7", "malformed"]]);
  });

  test("nesting to 1,000 passes, deeper is rejected, also beyond any stack", async () => {
    const nested = (depth: number) => `{"a":${"[".repeat(depth)}1${"]".repeat(depth)}}`;
    const lines = [nested(999), nested(1_000), nested(200_000), '{"a":1}'];
    const schema = { properties: { b: { default: 1 } } };
    const checked = await check(lines.join("\n"), { schema, records: 4, maxRecordBytes: 2 ** 20 });
    expect(told(checked).map(([index, line, , code]) => [index, line, code])).toEqual([
      [1, 2, "malformed"],
      [2, 3, "malformed"],
    ]);
    expect(checked.text.toString()).toBe(`{"a":${"[".repeat(999)}1${"]".repeat(999)},"b":1}\n{"a":1,"b":1}`);
  });

  test("__proto__ is a member like any other", async () => {
    const checked = await check('{"__proto__":{"x":1}}\n', { records: 1 });
    expect(checked.text.toString()).toBe('{"__proto__":{"x":1}}');
    expect(Object.keys(checked.values?.[0] ?? {})).toEqual(["__proto__"]);
  });

  test("fails if the chunk has another number of records than was counted", async () => {
    await expect(check('{"a":1}\n', { records: 2 })).rejects.toThrow("split into 2 records");
  });
});
