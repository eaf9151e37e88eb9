import { recordKey } from "../../../formats/record-keys.ts";

const same = (fields: string[], ...texts: string[]) => new Set(texts.map((text) => recordKey(text, fields))).size === 1;

test.each<[string[], ...string[]]>([
  [["a"], '{"a":1}', '{"b":2, "a": 1.0}', '{"a":1e0}'],
  [["a"], '{"a":"x"}', '{"a":"\\u0078"}'],
  [["a", "b"], '{"a":1,"b":"x"}', '{"b":"x","a":1}'],
  [["a"], '{"a":{"x":1,"y":2}}', '{"a":{"y":2,"x":1}}'],
  [["a.b"], '{"a":{"b":7}}', '{"a.b":7}'],
  [["id"], '{"id":9007199254740993}', '{"id":9007199254740993,"n":2}'],
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
