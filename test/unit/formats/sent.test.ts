/**
 * The promise: the text that was sent for any field of a record can be shown as it was written, even after the record was read.
 */
import { foundIn, type SentAs } from "../../../formats/read/sent.ts";

const json: SentAs = { format: "json", envelope: {}, cells: null };
const places = new Map([
  ["a", 0],
  ["b", 1],
]);
const cells = { names: ["a", "B"], places };

test.each<[string, SentAs, string, string[], object]>([
  ["a text of JSON", json, '{"a":"x"}', ["a"], { value: '"x"' }],
  [
    "digits that no double holds",
    json,
    '{"a":{"b":12345678901234567.890}}',
    ["a", "b"],
    { value: "12345678901234567.890" },
  ],
  ["a value within an object", json, '{"a":{"b":1e3}}', ["a"], { value: '{"b":1e3}' }],
  ["what is not there", json, '{"a":1}', ["a", "b"], {}],
  ["a default, which nobody sent", json, "{}", ["a"], {}],
  [
    "a cell",
    { format: "csv", envelope: { delimiter: ";" }, cells },
    ' 1.5;"x;y"',
    ["b"],
    { value: "x;y", column: "B" },
  ],
  ["a field in a cell", { format: "csv", envelope: {}, cells }, "1,[2]", ["b", "c"], { value: "[2]", column: "B" }],
  ["an empty cell", { format: "csv", envelope: {}, cells }, ",1", ["a"], {}],
  ["no column", { format: "csv", envelope: {}, cells }, "1,2", ["c"], {}],
  [
    "a cell of a workbook",
    { format: "xlsx", envelope: {}, cells },
    '{"row":2,"cells":[null,10.5]}',
    ["b"],
    { value: "10.5", column: "B" },
  ],
])("%s", (_what, sent, raw, path, found) => {
  expect(foundIn(raw, path, sent)).toEqual(found);
});

test("a long value is cut", () => {
  expect(foundIn(JSON.stringify({ a: "x".repeat(200) }), ["a"], json).value).toHaveLength(100);
});
