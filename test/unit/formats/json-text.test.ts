/** Walks through JSON texts without parsing their values, and adds defaults to them. */
import { withDefaults } from "../../../formats/check/json-defaults.ts";
import { isNestedDeeper, stringEnd } from "../../../formats/check/json-text.ts";

test.each(['"a"', '""', '"\\""', '"\\\\"', '"a\\\\\\"b"', '"\\\\\\\\"'])("the end of %s", (text) => {
  expect(stringEnd(`[${text},"x"]`, 1)).toBe(1 + text.length);
});

describe("nesting", () => {
  const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
  test.each<[string, string, boolean]>([
    ["of the limit", nested(10), false],
    ["one more", nested(11), true],
    ["lists beside each other", `[${Array(100).fill("[]").join()}]`, false],
    ["objects in lists", `${'{"a":['.repeat(6)}1${"]}".repeat(6)}`, true],
    ["brackets in a text", JSON.stringify({ a: '\\"'.repeat(3) + nested(50) }), false],
    ["behind such a text", `["${"[".repeat(30)}",${nested(10)}]`, true],
  ])("%s", (_what, json, expected) => {
    expect(isNestedDeeper(json, 10)).toBe(expected);
  });
});

describe("defaults in the text of a record", () => {
  test.each<[string, object, string]>([
    ["{}", { a: 1 }, '{"a":1}'],
    [' { "x" : 1.0 } ', { x: 1, a: "b" }, ' { "x" : 1.0 ,"a":"b"} '],
    [
      '{"x":{},"y":[{"z":1e400},{}]}',
      { x: { a: 1 }, y: [{ z: 7 }, { z: 8 }] },
      '{"x":{"a":1},"y":[{"z":1e400},{"z":8}]}',
    ],
    ['{"\\u0061":true,"b":"}\\"{"}', { a: true, b: '}"{', c: [1] }, '{"\\u0061":true,"b":"}\\"{","c":[1]}'],
    ['{"x":{"x":1},"x":[]}', { x: [], a: null }, '{"x":{"x":1},"x":[],"a":null}'],
    ['{"x":{},"x":{"y":2}}', { x: { y: 2, z: 3 } }, '{"x":{"y":2,"z":3},"x":{"y":2,"z":3}}'],
    ['{"__proto__":{}}', JSON.parse('{"__proto__":{"a":1},"b":2}'), '{"__proto__":{"a":1},"b":2}'],
    ["[1,2]", [1, 2], "[1,2]"],
  ])("%s", (json, checked, expected) => {
    expect(withDefaults(json, checked)).toBe(expected);
    if (!json.includes("1e400")) expect(JSON.parse(withDefaults(json, checked))).toEqual(checked);
  });
});
