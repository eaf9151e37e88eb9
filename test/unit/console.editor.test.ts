/** The promise: the editor finds each pointer in a text, merges what two people changed, and proposes types that lose nothing. */
import { ruleWords } from "../../console/batch/rule-words.js";
import { meantBy } from "../../console/editor/fields.js";
import { schemaOfSamples } from "../../console/editor/infer.js";
import { changesOf, threeWay, valueAt, withValue } from "../../console/editor/pointers.js";
import { marksOf, parsed, placeOf, placesOf } from "../../console/editor/positions.js";
import { isSameTable, namesOf } from "../../console/editor/tables.js";
import { numberOf, readable } from "../../console/editor/units.js";
import { delimiterIn, plainCsv, plainJson } from "../../console/partner/rejected-file.js";
import { isRawNumber, parseExact } from "../../console/ui/exact-json.js";

test("every value has its place, escaped names too; what is not there has the place around it", () => {
  const text = '{\n  "a/b": [1,\n    {"c~d": "x\\"}"}],\n  "e": null\n}';
  const places = placesOf(text);
  const shown = (pointer: string) => {
    const { from = 0, to = 0, line } = placeOf(places, pointer) ?? {};
    return [line, text.slice(from, to)];
  };
  expect(shown("/a~1b/1/c~0d")).toEqual([3, '"c~d": "x\\"}"']);
  expect(shown("/a~1b/0")).toEqual([2, "1"]);
  expect(shown("/e/none/there")).toEqual([4, '"e": null']);
  expect(shown("/missing")).toEqual([1, text]);
  expect(marksOf(text, [{ pointer: "/e", detail: "wrong" }])).toEqual([
    expect.objectContaining({ line: 4, message: "wrong" }),
  ]);
});

test.each([
  ['{"a": 1,}', 8, "Expected the name of a member in quotes here."],
  ['{"a" 1}', 5, "Expected a colon here."],
  ["[1 2]", 3, "Expected , or ] here."],
  ['{"a": tru}', 6, "Expected a value here."],
  ["{} x", 3, "Expected the end here."],
  ["", 0, "Expected a value here."],
])("what is no JSON is told at its place: %s", (text, from, message) => {
  expect(parsed(text).fault).toMatchObject({ from, message });
});

test("a change leaves the old value as it is; what differs is told by its smallest parts", () => {
  const old = { a: { b: 1, c: [1, 2] }, d: null };
  const next = withValue(withValue(old, "/a/b", 2), "/e/f", 3);
  expect(old).toEqual({ a: { b: 1, c: [1, 2] }, d: null });
  expect(changesOf(old, next)).toEqual({ "/a/b": [1, 2], "/e": [undefined, { f: 3 }] });
  expect(changesOf({ a: 1, b: 2 }, { b: 2, a: 1 })).toEqual({});
  expect(valueAt(withValue(next, "/d", undefined), "/d")).toBeUndefined();
});

test("two people's changes go together where they are of other fields, and clash where they are not", () => {
  const base = { a: 1, b: { c: 1, d: 1 }, e: 1, f: 1 };
  const yours = { a: 2, b: { c: 2, d: 1 }, e: 5, f: 1 };
  const theirs = { a: 3, b: { c: 1, d: 2 }, e: 5, f: 2 };
  expect(threeWay({ base, yours, theirs })).toMatchObject({
    clashes: ["/a"],
    merged: { a: 3, b: { c: 2, d: 2 }, e: 5, f: 2 },
  });
  expect(
    threeWay({ base, yours: { ...base, b: { c: 9, d: 1 } }, theirs: { ...base, b: null } as never }).clashes,
  ).toEqual(["/b/c"]);
});

test("numbers may be typed with units of the field", () => {
  expect(numberOf("maxBytes", "64 MiB")).toBe(67_108_864);
  expect(numberOf("maxBytes", "1.5 kB")).toBe(1_500);
  expect(numberOf("handlerTimeoutMs", "10 min")).toBe(600_000);
  expect(numberOf("retentionDays", "36 h")).toBe(1.5);
  expect(numberOf("maxAttempts", "1 000")).toBe(1_000);
  for (const text of ["", "x", "5 MiB", "1.2.3"]) expect(numberOf("maxAttempts", text)).toBeNull();
  expect([readable("maxBytes", 2 ** 30), readable("dedupHours", 24), readable("maxErrors", 5)]).toEqual([
    "1 GiB",
    "1 d",
    "",
  ]);
});

test("a schema is proposed that loses nothing: codes with leading zeros and long numbers stay text", () => {
  expect(
    schemaOfSamples([
      { code: "007", n: "1", x: "1.5", day: "2026-11-30", big: "12345678901234567890", maybe: "a", tags: ["a"] },
      { code: "008", n: "2", x: "2", day: "2026-01-31", big: "1", maybe: "", tags: [] },
    ]),
  ).toEqual({
    type: "object",
    required: ["code", "n", "x", "day", "big", "tags"],
    properties: {
      code: { type: "string" },
      n: { type: "integer" },
      x: { type: "number" },
      day: { type: "string", format: "date" },
      big: { type: "string" },
      maybe: { type: "string" },
      tags: { type: "array", items: { type: "string" } },
    },
  });
});

test("a changed rule is told by its field and its keyword", () => {
  const changes = {
    "/schema/properties/amount/minimum": [1, 0],
    "/schema/properties/address/properties/zip": [{ type: "string" }, null],
    "/schema/properties/tags/items/maxLength": [null, 5],
    "/schema/required": [["a"], []],
    "/maxErrors": [null, 3],
    "/read/dialect/delimiter": [",", ";"],
    truncated: 2,
  };
  const { rules, more } = ruleWords(changes);
  expect(rules.map(({ what, before, after }) => `${what} ${before} → ${after}`)).toEqual([
    "amount: minimum 1 → 0",
    'address.zip {"type":"string"} → none',
    "tags: maxLength none → 5",
    'the record: required ["a"] → []',
    "Most rejected records none → 3",
    "How files are read, dialect, delimiter , → ;",
  ]);
  expect(more).toBe(2);
});

test("a file of rejected records loses the columns of a correction, and nothing else", () => {
  const csv = '\uFEFFa;_RECORD;_errors;b\r\n"x;""y""";17;wrong;1\r\nz;;"two\nlines";2\r\n';
  expect(plainCsv(csv, { delimiter: delimiterIn(csv), quote: '"' })).toEqual({
    text: 'a;b\n"x;""y""";1\nz;2\n',
    numbers: [17, null],
  });
  const lines = '{"_record":3,"_errors":"n: must be >= 1","n":9007199254740993,"price":1.10}\n{"n":1}\n';
  expect(plainJson(lines, "ndjson")).toEqual({
    text: '{"n":9007199254740993,"price":1.1}\n{"n":1}\n',
    numbers: [3, null],
  });
  expect(plainJson('[{"_record":3,"n":1}]', "json")).toEqual({ text: '[{"n":1}]', numbers: [3] });
});

test("a number that JavaScript cannot hold keeps its digits", () => {
  const typed = parsed('{"maximum": 9007199254740993}').value;
  expect(JSON.stringify(withValue({}, "/schema", typed))).toBe('{"schema":{"maximum":9007199254740993}}');
  expect(changesOf(typed, parsed('{"maximum":9007199254740993}').value)).toEqual({});
  expect(Object.keys(changesOf(typed, { maximum: 2 }))).toEqual(["/maximum"]);
  const text = '{"a":9007199254740993,"b":0.1,"c":1e400,"d":[12345678901234567890.5],"e":1e2,"f":-0.10}';
  const value = parseExact(text);
  expect(JSON.stringify(value)).toBe(
    '{"a":9007199254740993,"b":0.1,"c":1e400,"d":[12345678901234567890.5],"e":100,"f":-0.1}',
  );
  expect([isRawNumber(value.a), isRawNumber(value.b), value.e]).toEqual([true, false, 100]);
});

test("a table is chosen once, as the dataset names it, with or without the schema in which the database looks first", () => {
  const tables = ["app.orders", "public.orders", "dbo.prices"].map((name) => ({ name, columns: [] }));
  expect(namesOf(tables, "orders")).toEqual(["app.orders", "orders", "dbo.prices"]);
  expect(namesOf(tables, "prices")).toEqual(["app.orders", "public.orders", "prices"]);
  for (const written of ["public.orders", "app.orders", undefined])
    expect(namesOf(tables, written)).toEqual(["app.orders", "public.orders", "dbo.prices"]);
  expect(tables.filter(({ name }) => isSameTable(name, "orders"))).toEqual([tables[1]]);
});

test.each([
  ["window", "window"],
  ["most rejected", "maxErrors"],
  ["key", "uniqueKey"],
  ["of the day", "order"],
])("who types %j means the field %s, by its name before what is told of it", (text, name) => {
  expect(meantBy(["order", "maxErrors", "uniqueKey", "window"], text)).toBe(name);
});
