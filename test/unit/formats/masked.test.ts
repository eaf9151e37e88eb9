/**
 * The promise: the text of a record is shown without the values of sensitive fields. Each value is cut out at its place; if the
 * place is uncertain, nothing is shown.
 */
import type { Envelope, Format } from "../../../formats/formats.ts";
import { rawMask } from "../../../formats/read/masked.ts";

const schema = {
  properties: { a: {}, iban: {}, person: { properties: { taxId: {}, name: {} } }, "x.y": {} },
};
const sensitive = ["iban", "person.taxId", "x.y"];
const mask = (format: Format, envelope: Envelope = {}) =>
  rawMask({ format, envelope }, { schema, read: null, sensitive });

test.each<[string, string, string]>([
  ["a text", '{"a":"1","iban":"1"}', '{"a":"1","iban":"•••"}'],
  ["blanks and escapes", '{ "iban" : "a\\"}" , "a":"\\"iban\\":1" }', '{ "iban" : "•••" , "a":"\\"iban\\":1" }'],
  ["an escaped name", '{"ib\\u0061n":1.50,"a":1.50}', '{"ib\\u0061n":"•••","a":1.50}'],
  ["the last number", '{"a":1,"iban":12}', '{"a":1,"iban":"•••"}'],
  ["a list", '{"iban":["1",{"b":"]"}],"a":[1]}', '{"iban":"•••","a":[1]}'],
  ["a field in an object", '{"person":{"taxId":1,"name":"A"}}', '{"person":{"taxId":"•••","name":"A"}}'],
  ["an object in its place", '{"iban":{"iban":1},"a":{"iban":1}}', '{"iban":"•••","a":{"iban":1}}'],
  ["a list instead of the object around it", '{"person":[{"taxId":1}]}', '{"person":"•••"}'],
  ["a text instead of it", '{"person":"1"}', '{"person":"•••"}'],
  ["a name with a dot", '{"x.y":1,"person.taxId":2}', '{"x.y":"•••","person.taxId":"•••"}'],
  ["a name that comes twice", '{"iban":1,"iban":2}', '{"iban":"•••","iban":"•••"}'],
  ["nothing of it", '{"a":{},"b":[]}', '{"a":{},"b":[]}'],
  ["an empty object", "{}", "{}"],
  ["a malformed record", '{"a":1,"iban":"1"', "•••"],
  ["no object", '["1"]', "•••"],
])("JSON: %s", (_what, raw, shown) => {
  expect(mask("ndjson")(raw)).toBe(shown);
  expect(mask("json")(raw)).toBe(shown);
});

const header = ["a", "IBAN", "person.name"];

test.each<[string, string, string, Envelope?]>([
  ["a cell", "1,1,1", "1,•••,1"],
  ["a quoted cell", '"1,""",  "1","DE,""1",x', "•••"],
  ["quotes, delimiters and line ends in cells", '"1,""\n","DE,\n""1","x"', '"1,""\n",•••,"x"'],
  ["an empty cell", '1,"",x', '1,"",x'],
  ["another dialect", "'1;\\'';'a\\';b';x", "'1;\\'';•••;x", { delimiter: ";", quoteChar: "'", escapeChar: "\\" }],
  ["blanks that are skipped", '1, "a,b", x', "1,•••,x", { skipInitialSpace: true }],
  ["no letters of ASCII", "ä,ö,ü", "ä,•••,ü"],
  ["empty cells behind the columns", "1,2,3,,", "1,•••,3,,"],
  ["a cell too many", "1,x,2,3", "•••"],
  ["a cell too few", "1,2", "•••"],
  ["a quote out of place", '1,"2"x,3', "•••"],
  ["a quote that stays open", '1,2,"3', "•••"],
])("CSV: %s", (_what, raw, shown, dialect = {}) => {
  expect(mask("csv", { header, ...dialect })(raw)).toBe(shown);
});

test.each<[string, string, string]>([
  ["a text and a number", '{"row":2,"cells":["1",10.5,"x"]}', '{"row":2,"cells":["1","•••","x"]}'],
  ["a date", '{"row":2,"cells":["1",{"date":"2026-01-31"}]}', '{"row":2,"cells":["1","•••"]}'],
  ["an empty cell", '{"row":2,"cells":["1",null,"x"]}', '{"row":2,"cells":["1",null,"x"]}'],
  ["a stray cell", '{"row":2,"cells":["1","2","3","4"]}', "•••"],
  ["a cut row", '{"row":2,"cells":["1","2', "•••"],
])("a workbook: %s", (_what, raw, shown) => {
  expect(mask("xlsx", { header })(raw)).toBe(shown);
});

test("a workbook: behind many empty cells", () => {
  const wide = ["a", "b", "c", "d", "e", "f", "iban"];
  const row = '{"row":2,"cells":["1",{"empty":5},"2"]}';
  expect(mask("xlsx", { header: wide })(row)).toBe('{"row":2,"cells":["1",{"empty":5},"•••"]}');
});

test("without sensitive fields a text is what it is", () => {
  const plain = rawMask({ format: "csv", envelope: { header } }, { schema, read: null, sensitive: [] });
  expect(plain('1,"2')).toBe('1,"2');
});
