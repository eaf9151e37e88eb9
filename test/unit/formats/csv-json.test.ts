/** The promise: the fast path through a chunk of CSV gives the same result as the slow path, which checks each row alone. */

import { JsonRows } from "../../../formats/check/csv-json.ts";
import { csvLine } from "../../../formats/csv/cells.ts";
import { plainDialect } from "../../../formats/csv/dialect.ts";
import { csvRecordStarts } from "../../../formats/csv/scan.ts";
import type { RecordValidator } from "../../../formats/formats.ts";
import { checkChunk } from "../../../formats/parts.ts";
import { CellPlan } from "../../../formats/read/cell.ts";
import { fieldsOf } from "../../../formats/read/fields.ts";
import { defaultRead } from "../../../formats/read/read.ts";
import { compileRecordSchema } from "../../../formats/schema/record-schema.ts";
import { seeded } from "../../helpers/seeded.ts";
import { anyNumber } from "./numbers.kit.ts";

const number = { number: true, boolean: false };
const both = { number: true, boolean: true };

function lines(data: string, kinds: Record<string, typeof both | null>, delimiter = ","): string[] {
  const columns = Object.entries(kinds).map(
    ([name, of]) => new CellPlan({ name, path: [name], read: null }, defaultRead, fieldsOf({}), of),
  );
  const plans = { columns, places: new Map(), areTyped: true, least: columns.length, nameless: 0 };
  const rows = new JsonRows(Buffer.from(data), plans, delimiter);
  const texts: string[] = [];
  for (let text = rows.next(); text !== null; text = rows.next()) texts.push(text.toString());
  return texts.join("\n").split("\n");
}

describe("a row of CSV as a line of JSON", () => {
  test.each<[string, string, string]>([
    ["text", "1,x", '{"a":"1","b":"x"}'],
    ["no cell", ",", "{}"],
    ["the first cell is empty", ",x", '{"b":"x"}'],
    ["the last cell is empty", "x,", '{"a":"x"}'],
    ["quotes", '"x, y","say ""z"""', '{"a":"x, y","b":"say \\"z\\""}'],
    ["an empty cell in quotes", '"",x', '{"b":"x"}'],
    ["what JSON escapes", 'a\\b\u0001\t,x"y', '{"a":"a\\\\b\\u0001\\t","b":"x\\"y"}'],
    ["line ends in quotes", '"a\nb","c\r\nd"', '{"a":"a\\nb","b":"c\\r\\nd"}'],
    ["a lone CR", "\r,a\rb", '{"a":"\\r","b":"a\\rb"}'],
    ["letters of more than one byte", "é,😀", '{"a":"é","b":"😀"}'],
    ["one cell too few", "x", ""],
    ["one cell too many", "x,y,z", ""],
    ["text behind a quote", '"x"y,z', ""],
    ["a blank behind a quote", '"x" ,z', ""],
    ["a quote that never ends", '"x,z', ""],
  ])("%s", (_name, row, line) => {
    expect(lines(row, { a: null, b: null })).toEqual([line]);
    expect(lines(`${row}\n`, { a: null, b: null })[0]).toBe(line);
  });

  test.each([
    ["7", "7"],
    ["-7", "-7"],
    ["19.90", "19.9"],
    ["100.00", "100"],
    ["0.000001", "0.000001"],
    ["123456789012345", "123456789012345"],
    ["-0", "0"],
    ["-0.00", "0"],
    ["0.0000001", "1e-7"],
    ["007", "7"],
    ["+.5", "0.5"],
    ["1e3", "1000"],
    [" 5 ", "5"],
    ["9007199254740992", "9007199254740992"],
    ["TRUE", "true"],
    ['"12.50"', "12.5"],
    ["5x", '"5x"'],
    ["-", '"-"'],
    ["1.", "1"],
    ["1.2.3", '"1.2.3"'],
  ])("%s is stored as %s", (cell, stored) => {
    expect(lines(`${cell}\n`, { a: both })).toEqual([`{"a":${stored}}`]);
  });

  test.each(["9007199254740993", "0.10000000000000000001", "1e400"])("%s is left to the slow way", (cell) => {
    expect(lines(`${cell}\n5\n`, { a: number })).toEqual(["", '{"a":5}']);
  });

  test("a row that cannot be written affects no other row", () => {
    const data = '1,x\n"a\nb"c,y\r\n\n2,"z"\r\n3\n4,w';
    expect(lines(data, { a: number, b: null })).toEqual([
      '{"a":1,"b":"x"}',
      "",
      '{"a":2,"b":"z"}',
      "",
      '{"a":4,"b":"w"}',
    ]);
  });

  test("rows of any length, over many blocks", () => {
    const cells = [1, 100, 5_000, 70_000, 3].map((length) => "é".repeat(length));
    const data = cells.flatMap((cell) => [cell, `"${cell}\n\u0001"`]).join("\n");
    const wanted = cells.flatMap((cell) => [{ a: cell }, { a: `${cell}\n\u0001` }]);
    expect(lines(data, { a: null }).map((line) => JSON.parse(line))).toEqual(wanted);
  });
});

const texts = [
  "",
  "x",
  "two words",
  "é",
  "😀",
  "\u2028",
  "\0",
  "\u0001\t",
  "\\",
  'x"y',
  "\r",
  "a\rb",
  "=1",
  "a,b",
  "a;b",
  "a\nb",
];
const spellings = [
  "-0",
  "007",
  "+5",
  "-.5",
  "5.",
  "0.0000001",
  " 5",
  "5\u00a0",
  "1e3",
  "1e9999999999999999",
  "0x10",
  "TRUE",
  "no",
];
const names = ["id", "a", "b", "c d", "é", "1", "10", "__proto__", "constructor", 'x"y', "a\\b", "flag"];
const schemas = [
  {},
  {
    required: ["id"],
    properties: {
      id: { type: "integer" },
      a: { type: "number", multipleOf: 0.01 },
      b: { type: "boolean" },
      "1": { type: "number" },
    },
  },
  {
    properties: { id: { type: ["number", "boolean"] }, a: { maxLength: 3 }, z: { default: 'é"' } },
    additionalProperties: { type: "number" },
  },
  {
    patternProperties: { "^[a-c]": { type: "integer" } },
    properties: { ["__proto__"]: { type: "integer" }, flag: { type: ["string", "integer"] } },
  },
];

/** A random chunk of CSV, with right rows and a few wrong ones. */
function anyChunk(random: () => number) {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const delimiter = pick([",", ",", ";", "\t", "-", "1", "e", " "]);
  const header = [...new Set([1, 2, 3, 4].map(() => pick(names)))].filter((name) => !name.includes(delimiter));
  const cell = () => {
    const text = pick([pick(texts), pick(spellings), anyNumber(random), String(Math.floor(random() * 1e6) / 100)]);
    if (random() < 0.02) return pick([`"${text}"x`, `"${text}" `, `"${text}`]);
    return random() < 0.2 ? `"${text.replaceAll('"', '""')}"` : csvLine([text], { ...plainDialect, delimiter });
  };
  const width = () => (random() < 0.05 ? 5 : header.length);
  const row = () =>
    Array.from({ length: width() }, cell).join(delimiter) + pick(["\n", "\n", "\r\n", "\n\n", "\r\n\r\n"]);
  const data = Buffer.from(
    Array.from({ length: 8 }, row)
      .join("")
      .slice(0, random() < 0.2 ? -1 : undefined),
  );
  const records = csvRecordStarts(data, { ...plainDialect, delimiter }).length;
  return { chunk: { firstLine: 2, records, data }, envelope: { delimiter, header } };
}

test.each(schemas)("rows and their errors are the same both ways: %j", async (schema) => {
  const random = seeded(3);
  const validators = [1, 2].map(() => compileRecordSchema(schema, { coerce: true }));
  let written = 0;
  for (let round = 0; round < 500; round++) {
    const { chunk, envelope } = anyChunk(random);
    if (envelope.header.length === 0) continue;
    // One record that is too long makes the whole chunk take the slow path. The second way adds such a record, which is not in
    // the result.
    const ways = [[], [chunk.records]].map(async (oversized, i) => {
      const validator = validators[i] as RecordValidator;
      const spec = { format: "csv" as const, envelope, validator, values: true, maxRecordBytes: 2 ** 20 };
      const { values, ...checked } = await checkChunk({ ...chunk, oversized }, spec);
      // Values are compared as handlers get them, because JSON has only one zero.
      return { ...checked, data: chunk.data.toString(), values: values?.map((value) => JSON.stringify(value)) };
    });
    const [fast, slow] = await Promise.all(ways);
    expect(fast).toEqual(slow);
    written += slow?.values?.length ?? 0;
  }
  expect(written).toBeGreaterThan(100);
});
