import { exactRecord, mayBeRewritten, recordOf } from "../../../formats/check/exact-record.ts";

test.each([
  ['{"a":12.50}', true],
  ['{"a":-0.10 ,"b":1}', true],
  ['{"a":[1e3]}', true],
  ['{"a": 1.5E+3}', true],
  ['{"a":100,"b":1.05,"c":-2}', false],
  ['{"id":"0193a1c2-7d4e-7b60-8f3a-2c5d9e0b1a47","at":"2026-11-29T13:45:00.120Z"}', false],
])("whether %s has numbers that JavaScript writes otherwise: %s", (json, is) => {
  expect(mayBeRewritten(json)).toBe(is);
});

test.each([
  ['{"a":12.50,"b":[1e3,-0],"c":{"d":9007199254740993,"__proto__":1.10}}'],
  ['{"s":"x: 12.50, e","n":1.5}'],
  ['{"n":12345678901234567.89,"m":1E400}'],
])("%s comes back as it is", (json) => {
  expect(JSON.stringify(exactRecord(json))).toBe(json);
});

test("a value that no double holds is never lost; another text of the same value may be", () => {
  expect(JSON.stringify(recordOf('{"a":12.50}'))).toBe('{"a":12.5}');
  expect(JSON.stringify(recordOf('{"a":12.50,"b":9007199254740993}'))).toBe('{"a":12.50,"b":9007199254740993}');
});
