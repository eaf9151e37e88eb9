import { keyRange, recordKey, scopeDigits } from "../../../formats/check/record-keys.ts";
import { patience } from "../../helpers/patience.ts";

const same = (fields: string[], ...texts: string[]) => new Set(texts.map((text) => recordKey(text, fields))).size === 1;

test.each<[string[], ...string[]]>([
  [["a"], '{"a":1}', '{"b":2, "a": 1.0}', '{"a":1e0}'],
  [["a"], '{"a":"x"}', '{"a":"\\u0078"}'],
  [["a", "b"], '{"a":1,"b":"x"}', '{"b":"x","a":1}'],
  [["a"], '{"a":{"x":1,"y":2}}', '{"a":{"y":2,"x":1}}'],
  [["a.b"], '{"a":{"b":7}}', '{"a.b":7}'],
  [["id"], '{"id":9007199254740993}', '{"id":9007199254740993,"n":2}', '{"id":9007199254740993.0}'],
  [["a"], '{"a":1}', '{"a":10e-1}', '{"a":1.00000000000000000000,"b":9007199254740993}'],
  [["a"], '{"a":1e400}', '{"a":10e399}', '{"a":1E+400}'],
  [["a"], '{"a":1e20}', '{"a":100000000000000000000}', '{"a":1e20,"b":1e400}'],
  [["a"], '{"a":0.10000000000000000001}', '{"a":10.000000000000000001e-2}'],
  [["a"], '{"a":0}', '{"a":-0}', '{"a":0e999}', '{"a":0,"b":1e400}'],
  [["a"], '{"a":7318300000e-290}', '{"a":7318300000e-290,"b":1e400}'],
])("%j of one key: %s", (fields, ...texts) => {
  expect(same(fields, ...texts)).toBe(true);
});

test.each([
  [["a"], '{"a":1}', '{"a":"1"}'],
  [["a"], '{"a":true}', '{"a":"true"}'],
  [["a", "b"], '{"a":"x","b":"y"}', '{"a":"y","b":"x"}'],
  [["a", "b"], '{"a":"x,","b":"y"}', '{"a":"x","b":",y"}'],
  [["a"], '{"a":[1,2]}', '{"a":[2,1]}'],
  [["id"], '{"id":9007199254740992}', '{"id":9007199254740993}'],
  [["a"], '{"a":0.1}', '{"a":0.10000000000000000001}'],
  [["a"], '{"a":1e400}', '{"a":1e401}'],
  [["a"], '{"a":1e400}', '{"a":-1e400}'],
  [["a"], '{"a":0}', '{"a":1e-400}'],
  [["a"], '{"a":9007199254740993}', '{"a":"9007199254740993"}'],
  [["a"], '{"a":7318300000e280,"b":1e400}', '{"a":1e400,"b":1e400}'],
  [["id"], '{"id":{"n":[9007199254740992]}}', '{"id":{"n":[9007199254740993]}}'],
])("%j of two keys: %s and %s", (fields, one, other) => {
  expect(same(fields, one, other)).toBe(false);
});

test.each([
  ["absent", '{"b":1}'],
  ["null", '{"a":null}'],
  ["inherited", '{"b":{}}'],
])("a field that is %s: no key", (_name, text) => {
  expect(recordKey(text, ["b", "a"])).toBeNull();
  expect(recordKey(text, ["toString"])).toBeNull();
});

test("a key is 16 bytes in hex", () => {
  expect(recordKey('{"a":1}', ["a"])).toMatch(/^[0-9a-f]{32}$/);
});

test("the keys of a scope are a range, and no two scopes share one", () => {
  const [{ from, to }, other] = [keyRange("orders:1"), keyRange("orders:2")];
  const key = scopeDigits("orders:1") + recordKey('{"a":1}', ["a"]);
  expect([key >= from, key <= to, to < other.from || from > other.to]).toEqual([true, true, true]);
});

test.each([
  ["1", "080a9ed428559ef602668b4c00f114f1"],
  ["1.0", "080a9ed428559ef602668b4c00f114f1"],
  ['"1"', "43de3a417d75f4818c5a553268b80ce3"],
  ["-2.5e-7", "bba7b9ad7d1b2c5004f876aa3c58305b"],
  ["9007199254740991", "cf0c058a3667326abbfce35f93db15dd"],
  ["9007199254740992", "5dc10964d69741c9924433db7b0e8fe5"],
  ["9007199254740993", "ee825a6b803b8c559f4ee311b23736db"],
  ["9007199254740993.5", "f52daec48c545780b364265ec9e83168"],
  ["12345678901234567890", "81d144f4c66b77af9c60c4c10efab849"],
  ["100000000000000000000", "e7172a9602cb82291195c39a042201a2"],
  ["1000000000000000000000000", "b821bbd2de6e3dadf42f244364a6b43d"],
  ['{"y":[1,"é"],"x":null}', "c808e91905f60416887a9f39a43acc41"],
])("the key of %s is what it was: keys of years ago are in the database", (value, key) => {
  expect(recordKey(`{"a":${value}}`, ["a"])).toBe(key);
});

test("a huge exponent costs nothing", () => {
  const began = performance.now();
  recordKey(`{"a":1e999999999999999,"b":${"9".repeat(1_000_000)}}`, ["a", "b"]);
  expect(performance.now() - began).toBeLessThan(patience(1000));
});
