/**
 * The promise: rows of a workbook become records. Text cells are read as CSV's, typed cells by the schema, and faults name the
 * cell.
 */

import type { Envelope, RecordFault } from "../../../formats/formats.ts";
import { checkChunk } from "../../../formats/parts.ts";
import { type PartialRead, wholeRead } from "../../../formats/read/read.ts";
import { compileRecordSchema } from "../../../formats/schema/record-schema.ts";
import { cellOf } from "../../../formats/xlsx/stored.ts";

interface Asked {
  schema: object;
  header: string[];
  read?: PartialRead;
}

async function checked(rows: string[], { schema, header, read }: Asked) {
  const envelope: Envelope = { charset: "utf-8", header, isMapped: true };
  const data = Buffer.from(rows.map((row) => `${row}\n`).join(""));
  const { text, rejected } = await checkChunk(
    { firstLine: null, records: rows.length, data, oversized: [] },
    {
      format: "xlsx",
      envelope,
      validator: compileRecordSchema(schema, { coerce: true }),
      read: wholeRead(read),
      values: false,
      maxRecordBytes: 1 << 20,
    },
  );
  return { text: text.toString(), rejected };
}

const properties = (of: Record<string, object>) => ({ type: "object", properties: of });
const text = { type: "string" };

test("typed cells follow the schema: a text takes digits, true and false; other fields keep numbers and booleans", async () => {
  const schema = properties({
    zip: text,
    flag: text,
    amount: { type: "number" },
    either: { type: ["string", "number"] },
    on: { type: "boolean" },
    day: { type: "string", format: "date" },
    at: { type: "string", format: "date-time" },
    clock: { type: "string", format: "time" },
    since: { type: "string", format: "time" },
    raw: text,
  });
  const header = ["zip", "flag", "amount", "either", "on", "day", "at", "clock", "since", "raw", "other", "yes"];
  const row = `{"row":2,"cells":[1067,true,{"number":"10.50"},5,false,{"date":"2026-01-31"},{"date-time":"2026-01-31T12:00:00Z"},{"time":"09:30:00"},{"duration":"PT9H30M"},{"time":"09:30:00"},7,true]}`;
  expect(await checked([row], { schema, header })).toEqual({
    text: `{"zip":"1067","flag":"true","amount":10.5,"either":5,"on":false,"day":"2026-01-31","at":"2026-01-31T12:00:00Z","clock":"09:30:00Z","since":"09:30:00Z","raw":"09:30:00","other":7,"yes":true}`,
    rejected: [],
  });
});

test("typed cells also follow a pattern property or additionalProperties", async () => {
  const schema = { type: "object", additionalProperties: text, patternProperties: { "^n_": { type: "number" } } };
  const rows = [`{"row":2,"cells":[1067,{"number":"10.50"}]}`];
  expect(await checked(rows, { schema, header: ["zip", "n_1"] })).toEqual({
    text: `{"zip":"1067","n_1":10.5}`,
    rejected: [],
  });
});

test("digits are kept: as text, and for numbers that no double can hold", async () => {
  const schema = properties({ zip: text, amount: { type: "number" } });
  const rows = [`{"row":2,"cells":[{"number":"10.50"},{"number":"9007199254740993"}]}`];
  expect((await checked(rows, { schema, header: ["zip", "amount"] })).text).toBe(
    `{"zip":"10.50","amount":9007199254740993}`,
  );
});

test("read converts texts only", async () => {
  const schema = properties({
    amount: { type: "number" },
    day: { type: "string", format: "date" },
    tags: { type: "array", items: text },
  });
  const read = { fields: { amount: { decimalChar: "," }, day: { format: "%d.%m.%Y" }, tags: { separator: "|" } } };
  const rows = [
    `{"row":2,"cells":["1,5","31.01.2026","a|b"]}`,
    `{"row":3,"cells":[1.5,{"date":"2026-01-31"},5]}`,
    `{"row":4,"cells":[null,"2026-01-31"]}`,
  ];
  const { text: texts, rejected } = await checked(rows, { schema, header: ["amount", "day", "tags"], read });
  expect(texts.split("\n")).toEqual([
    `{"amount":1.5,"day":"2026-01-31","tags":["a","b"]}`,
    `{"amount":1.5,"day":"2026-01-31","tags":["5"]}`,
  ]);
  expect(rejected).toEqual([
    expect.objectContaining({
      line: 4,
      errors: [expect.objectContaining({ field: "day", code: "format", value: "2026-01-31" })],
    }),
  ]);
});

test("error cells, formulas without a value, wrong types and stray cells are faults of their record, each reported once", async () => {
  const schema = { ...properties({ id: text, amount: { type: "number" } }), required: ["id", "amount"] };
  const rows = [
    `{"row":3,"cells":["A1",{"error":"#DIV/0!"}]}`,
    `{"row":4,"cells":["A2",{"formula":""}]}`,
    `{"row":6,"cells":["A3",{"date":"2026-01-31"}]}`,
    `{"row":7,"cells":["A4"]}`,
    `{"row":8,"cells":["A5",1,{"empty":20},"stray"]}`,
    `{"row":9,"cells":["A6",1," "]}`,
    `{"row":10,"cells":["A7"`,
  ];
  const { text: texts, rejected } = await checked(rows, {
    schema,
    header: ["id", "Betrag"],
    read: { fields: { amount: { titles: ["Betrag"] } } },
  });
  expect(texts).toBe(`{"id":"A6","amount":1}`);
  const of = { field: "amount", column: "Betrag" };
  expect(rejected.map(({ line, errors, raw }) => ({ line, errors, raw }))).toEqual([
    { line: 3, errors: [{ ...of, code: "cell-error", value: "#DIV/0!", message: expect.any(String) }], raw: rows[0] },
    { line: 4, errors: [{ ...of, code: "formula", message: expect.any(String) }], raw: rows[1] },
    {
      line: 6,
      errors: [{ ...of, code: "type", value: "2026-01-31", message: "must be number; the cell holds a date" }],
      raw: rows[2],
    },
    { line: 7, errors: [{ ...of, code: "required", message: "is required" }], raw: rows[3] },
    {
      line: 8,
      errors: [{ field: "", code: "columns", message: "The cell W8 stands in a column without a name." }],
      raw: rows[4],
    },
    { line: 10, errors: [{ field: "", code: "malformed", message: "The row cannot be read." }], raw: rows[6] },
  ]);
  const cells = rejected.map(({ line, errors: [fault] }) => cellOf(fault as RecordFault, line, ["id", "Betrag"]));
  expect(cells).toEqual([{ cell: "B3" }, { cell: "B4" }, { cell: "B6" }, { cell: "B7" }, { cell: "W8" }, {}]);
});
