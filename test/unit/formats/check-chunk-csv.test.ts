import type { Envelope } from "../../../formats/formats.ts";
import { checkChunk } from "../../../formats/parts.ts";
import { compileRecordSchema } from "../../../formats/schema/record-schema.ts";

interface Given extends Envelope {
  schema?: object;
  records: number;
  oversized?: number[];
}

function check(data: string | Buffer, { schema = {}, records, oversized = [], ...envelope }: Given) {
  const chunk = { firstLine: 2, records, data: Buffer.from(data as string), oversized };
  const spec = {
    format: "csv" as const,
    envelope: { delimiter: ",", header: ["a", "b"], ...envelope },
    maxRecordBytes: 9,
  };
  return checkChunk(chunk, { ...spec, validator: compileRecordSchema(schema, { coerce: true }), values: false });
}

const told = (checked: Awaited<ReturnType<typeof check>>) =>
  checked.rejected.map(({ index, line, raw, errors }) => [index, line, raw, errors.map(({ code }) => code).join()]);

describe("a chunk of CSV", () => {
  test.each<[string, string, Partial<Given> & { records: number }, unknown[]]>([
    [
      "rows",
      "1,x\n2,y\n",
      { records: 2 },
      [
        { a: "1", b: "x" },
        { a: "2", b: "y" },
      ],
    ],
    [
      "no last newline",
      "1,x\n2,y",
      { records: 2 },
      [
        { a: "1", b: "x" },
        { a: "2", b: "y" },
      ],
    ],
    [
      "CRLF",
      "1,x\r\n2,y\r\n",
      { records: 2 },
      [
        { a: "1", b: "x" },
        { a: "2", b: "y" },
      ],
    ],
    [
      "LF and CRLF",
      "1,x\n2,y\r\n3,z\n",
      { records: 3 },
      [
        { a: "1", b: "x" },
        { a: "2", b: "y" },
        { a: "3", b: "z" },
      ],
    ],
    [
      "LF and CRLF with quotes",
      '1,"x"\n2,"y"\r\n3,z\n',
      { records: 3 },
      [
        { a: "1", b: "x" },
        { a: "2", b: "y" },
        { a: "3", b: "z" },
      ],
    ],
    [
      "LF within quotes, CRLF without",
      '1,"x\ny"\r\n2,z\r\n',
      { records: 2 },
      [
        { a: "1", b: "x\ny" },
        { a: "2", b: "z" },
      ],
    ],
    [
      "CRLF within quotes, LF without",
      '1,"x\r\ny"\n2,z\n',
      { records: 2 },
      [
        { a: "1", b: "x\r\ny" },
        { a: "2", b: "z" },
      ],
    ],
    [
      "a blank LF line among CRLF with quotes",
      '1,"x"\r\n\n2,y\r\n',
      { records: 2 },
      [
        { a: "1", b: "x" },
        { a: "2", b: "y" },
      ],
    ],
    [
      "spaces after a quote, LF and CRLF",
      '1,"x" \n2,"y" \r\n',
      { records: 2 },
      [
        { a: "1", b: "x" },
        { a: "2", b: "y" },
      ],
    ],
    ["quotes in quotes", '1,"x ""y"", z"\n', { records: 1 }, [{ a: "1", b: 'x "y", z' }]],
    ["a quote within plain text", '1,x"y\n', { records: 1 }, [{ a: "1", b: 'x"y' }]],
    ["a lone CR", "1,x\ry\n", { records: 1 }, [{ a: "1", b: "x\ry" }]],
    [
      "blank lines",
      "\n1,x\n\r\n\n2,y\n\n",
      { records: 2 },
      [
        { a: "1", b: "x" },
        { a: "2", b: "y" },
      ],
    ],
    ["empty cells", "1,\n,y\n,\n", { records: 3 }, [{ a: "1" }, { b: "y" }, {}]],
    ["one column with an empty quoted cell", '""\nx\n', { records: 2, header: ["a"] }, [{}, { a: "x" }]],
    ["semicolons", "1;x,y\n", { records: 1, delimiter: ";" }, [{ a: "1", b: "x,y" }]],
    ["tabs", "1\tx\n", { records: 1, delimiter: "\t" }, [{ a: "1", b: "x" }]],
  ])("%s", async (_name, data, given, values) => {
    const checked = await check(data, given);
    expect(checked.rejected).toEqual([]);
    expect(
      checked.text
        .toString()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual(values);
  });

  test("numbers are stored as the schema types them", async () => {
    const schema = { properties: { a: { type: "integer" } }, required: ["b"] };
    const checked = await check('7,x\n"1\n2",y\nz,\n', { schema, records: 3 });
    expect(checked.text.toString()).toBe('{"a":7,"b":"x"}');
    expect(told(checked)).toEqual([
      [1, 3, '"1\n2",y', "type"],
      [2, 5, "z,", "required,type"],
    ]);
  });

  test("a row of another width", async () => {
    const checked = await check("1,x\n2\n3,y,z\n", { records: 3 });
    expect(told(checked)).toEqual([
      [1, 3, "2", "columns"],
      [2, 4, "3,y,z", "columns"],
    ]);
    expect(checked.rejected[0]?.errors[0]?.message).toBe("The row should have 2 cells, and has 1.");
  });

  test("a misplaced quote makes only its own row invalid", async () => {
    const checked = await check('1,"x"y\n2,"y"\n3,"a\nb"c\n4,z\n', { records: 4 });
    expect(checked.text.toString()).toBe('{"a":"2","b":"y"}\n{"a":"4","b":"z"}');
    expect(told(checked)).toEqual([
      [0, 2, '1,"x"y', "malformed"],
      [2, 4, '3,"a\nb"c', "malformed"],
    ]);
  });

  test("invalid UTF-8, NUL, and a row that is too long", async () => {
    const data = Buffer.concat([Buffer.from("1,x\n2,"), Buffer.from([0xe9]), Buffer.from("\n3,\0,\nxxxxxxx\n5,é\n")]);
    const checked = await check(data, { records: 5, oversized: [3] });
    expect(checked.text.toString()).toBe('{"a":"1","b":"x"}\n{"a":"5","b":"é"}');
    expect(told(checked)).toEqual([
      [1, 3, "2,\uFFFD", "encoding"],
      [2, 4, "3,\ufdd0,", "columns"],
      [3, 5, "xxxxxxx", "too_large"],
    ]);
  });

  test("windows-1252", async () => {
    const checked = await check(Buffer.from([0x31, 0x2c, 0x80, 0xe9, 0x0a, 0xfc, 0x0a]), {
      charset: "windows-1252",
      records: 2,
    });
    expect(checked.text.toString()).toBe('{"a":"1","b":"€é"}');
    expect(told(checked)).toEqual([[1, 3, "ü", "columns"]]);
  });

  test("a column named __proto__ is a property like any other", async () => {
    expect((await check("1,x\n,y\n", { header: ["__proto__", "b"], records: 2 })).text.toString()).toBe(
      '{"__proto__":"1","b":"x"}\n{"b":"y"}',
    );
  });
});
