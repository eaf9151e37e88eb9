/** The promise: the names of parsed JSON objects are those of the text, whatever was parsed before (nodejs/node#63785). */
import fc from "fast-check";
import { exactRecord } from "../../../formats/check/exact-record.ts";
import { nameTwice } from "../../../formats/check/json-names.ts";
import { jsonValue } from "../../../formats/check/json-value.ts";
import { recordKey } from "../../../formats/check/record-keys.ts";
import { prepareSchema } from "../../../formats/schema/prepare.ts";
import { rounds } from "../../helpers/seeded.ts";

/** Makes V8 remember objects that have a name with a backslash after a name that no other test uses. */
const poison = (first: string, second: string, value = "1") => {
  for (let i = 0; i < 3; i++) JSON.parse(`{"${first}":${value},"${second}":${value}}`);
};

test("names with escapes are right after a name with a backslash", () => {
  for (const name of ["one", "key", "exact", "twice"]) poison(name, "\\\\");
  poison("two", "a\\\\");
  expect(jsonValue('{"one":1,"\\u0061":1,"b" : [{"\\/":true}, -1.5e3]}')).toEqual({
    one: 1,
    a: 1,
    b: [{ "/": true }, -1500],
  });
  expect(jsonValue('{"two":1,"a\\u0061":2}')).toEqual({ two: 1, aa: 2 });
  expect(Object.entries(exactRecord('{"exact":1,"\\u0061":1.50}'))).toMatchObject([
    ["exact", 1],
    ["a", { source: "1.50" }],
  ]);
  expect(recordKey('{"key":1,"\\u0061":1}', ["a"])).toBe(recordKey('{"a":1}', ["a"]));
  const twice = '{"twice":1,"\\u0061":1,"a":2}';
  expect(nameTwice(twice, jsonValue(twice))).toMatchObject({ name: "a" });
});

test("so are those of a schema", () => {
  poison("inner", "\\\\", "{}");
  const { root } = prepareSchema({ properties: { inner: {}, '"': { type: "integer" } } });
  expect(root).toMatchObject({ properties: { '"': { type: "integer" } } });
});

test("any JSON, with every name written in escapes, is the value that it was made of", () => {
  const key = fc.array(fc.constantFrom("a", "\\", '"', "/", "é", "\n", "__proto__", "1"), { maxLength: 3 });
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom(1, -0.5, true, null, "x", '"\\'),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.array(fc.tuple(key, tie("value")), { maxLength: 3 }).map((members) => ({
        // A later member replaces an earlier one of the same name, as in JSON.
        object: [...new Map(members.map(([parts, of]) => [parts.join(""), of]))],
      })),
    ),
  }));
  const isObject = (of: unknown): of is { object: [string, unknown][] } => of !== null && typeof of === "object";
  const escaped = (text: string) =>
    `"${[...text].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`).join("")}"`;
  const written = (of: unknown): string =>
    Array.isArray(of)
      ? `[${of.map(written).join(" ,")}]`
      : isObject(of)
        ? `{${of.object.map(([name, inner]) => `${escaped(name)}:${written(inner)}`).join(", ")}}`
        : JSON.stringify(of);
  const made = (of: unknown): unknown =>
    Array.isArray(of)
      ? of.map(made)
      : isObject(of)
        ? Object.fromEntries(of.object.map(([name, inner]) => [name, made(inner)]))
        : of;
  fc.assert(
    fc.property(value, (of) => {
      expect(jsonValue(written(of))).toEqual(made(of));
    }),
    { numRuns: rounds(200) },
  );
});
