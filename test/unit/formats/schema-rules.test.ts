/** The promise: what JSON Schema allows is accepted, and has the meaning that JSON Schema gives it. */
import { RecordNumbers } from "../../../formats/check/record-numbers.ts";
import { compileRecordSchema, recordSchemaFaults } from "../../../formats/schema/record-schema.ts";

const faultsOf = (schema: object, record: object) =>
  compileRecordSchema(schema, { coerce: false })
    .check(record, new RecordNumbers())
    ?.map(({ field, code }) => `${field} ${code}`) ?? [];
const on = (a: object) => ({ properties: { a } });
const parsed = (text: string) => JSON.parse(text);

/* biome-ignore-start lint/suspicious/noThenProperty: it is the keyword */
test.each<[string, object, unknown, string[]]>([
  ["if without branches", on({ if: { type: "null" } }), 1, []],
  ["then without if", on({ then: { type: "null" } }), 1, []],
  ["else without if", on({ else: { type: "null" } }), 1, []],
  ["maxContains without contains", on({ maxContains: 1 }), [1, 2], []],
  ["minContains without contains", on({ minContains: 1 }), [], []],
  ["minContains 0", on({ contains: { type: "null" }, minContains: 0 }), [1], []],
  ["minContains above maxContains", on({ contains: {}, minContains: 2, maxContains: 1 }), [1, 2], ["a contains"]],
  ["an empty list behind prefixItems", on({ not: { prefixItems: [{}], contains: { type: "null" } } }), [], []],
  ["an empty list behind prefixItems of a type", on({ not: { prefixItems: [on({})], contains: on({}) } }), [], []],
  ["an empty list behind one that contains it", on({ items: { contains: on({}) } }), [[1], []], ["a[1] contains"]],
  [
    "an empty list in front of it",
    on({ items: { contains: { type: "null" } } }),
    [[], [null], []],
    ["a[0] contains", "a[2] contains"],
  ],
  ["an enum without values", on({ enum: [] }), 1, ["a enum"]],
  ["a default where it fills nothing in", { anyOf: [on({ default: 1 })] }, 2, []],
  ["a default of the record itself", { default: {} }, 1, []],
  ["a limit of another type", on({ type: "string", minimum: 5 }), "x", []],
  [
    "a list of 2,000 alternatives",
    on({ oneOf: Array.from({ length: 2000 }, (_, i) => ({ const: i })) }),
    2000,
    ["a oneOf"],
  ],
])("%s", (_name, schema, a, faults) => {
  expect(recordSchemaFaults(schema)).toEqual([]);
  expect(faultsOf(schema, { a })).toEqual(faults);
});

describe("what is left unevaluated", () => {
  test.each<[string, object, unknown, string[]]>([
    ["behind contains", { contains: { type: "string" }, unevaluatedItems: false }, ["x", 1], ["a[1] unevaluatedItems"]],
    [
      "behind branches that hold",
      { anyOf: [{ prefixItems: [true] }, { items: { type: "number" } }], unevaluatedItems: { type: "string" } },
      [1, 2],
      [],
    ],
    [
      "behind branches that do not",
      { anyOf: [{ prefixItems: [true] }, { items: { type: "number" } }], unevaluatedItems: { type: "string" } },
      [1, true],
      ["a[1] type"],
    ],
    [
      "behind a condition that does not hold",
      { if: { required: ["x"], properties: { x: {} } }, else: { required: ["y"] }, unevaluatedProperties: false },
      { y: 1 },
      ["a.y unevaluatedProperties"],
    ],
    [
      "behind a condition that holds, without then",
      { if: { required: ["x"], properties: { x: {} } }, else: false, unevaluatedProperties: false },
      { x: 1 },
      [],
    ],
    [
      "behind a reference",
      { $ref: "#/$defs/x", unevaluatedProperties: false },
      { x: 1, y: 1 },
      ["a.y unevaluatedProperties"],
    ],
  ])("%s", (_name, keywords, a, faults) => {
    const schema = { ...on(keywords), $defs: { x: { oneOf: [{ properties: { x: {} } }] } } };
    expect(recordSchemaFaults(schema)).toEqual([]);
    expect(faultsOf(schema, { a })).toEqual(faults);
  });
});
/* biome-ignore-end lint/suspicious/noThenProperty: it is the keyword */

test("values are compared as JSON, whatever names they have", () => {
  const value = parsed('{"valueOf":1,"constructor":{"a":[1]},"toString":null,"__proto__":2}');
  for (const keyword of [{ const: value }, { enum: [0, value] }]) {
    expect(faultsOf(on(keyword), { a: structuredClone(value) })).toEqual([]);
    for (const other of ["{}", '{"valueOf":1}', '{"valueOf":2,"constructor":{},"toString":1,"__proto__":2}', "[]", "1"])
      expect(faultsOf(on(keyword), { a: parsed(other) })).toHaveLength(1);
  }
  expect(faultsOf(on({ const: {} }), { a: parsed('{"__proto__":1}') })).toEqual(["a const"]);
});

test.each<[string, object, string]>([
  ["an unknown keyword", { items: { minimun: 1 } }, "/items/minimun"],
  ["a remote reference", { allOf: [{ $ref: "https://x.example/" }] }, "/allOf/0/$ref"],
  ["a vocabulary of one's own", { $schema: "https://x.example/" }, "/$schema"],
  ["an unknown format", { items: { format: "idn-email" } }, "/items/format"],
])("%s is refused with its place", (_name, schema, pointer) => {
  expect(recordSchemaFaults(schema).map((fault) => fault.pointer)).toEqual([pointer]);
});

test("keywords of OpenAPI are accepted, and check nothing", () => {
  const schema = {
    oneOf: [on({ const: "cat" }), on({ const: "dog" })],
    discriminator: { propertyName: "a", mapping: { cat: "#/oneOf/0" } },
    externalDocs: { url: "https://partner.example/pets" },
    example: 5,
    xml: { name: "pet" },
  };
  expect(recordSchemaFaults(schema)).toEqual([]);
  expect([faultsOf(schema, { a: "cat" }), faultsOf(schema, { a: "cow" })]).toEqual([[], [" oneOf"]]);
});

test.each([
  ["nullable", '"null" as one more type'],
  ["dependencies", "dependentRequired or dependentSchemas"],
  ["toString", null],
])("the keyword %s is refused, with what says the same", (keyword, same) => {
  const detail = same === null ? "unknown keyword" : `unknown keyword: expected ${same} in its place`;
  expect(recordSchemaFaults(on({ [keyword]: {} }))).toEqual([{ pointer: `/properties/a/${keyword}`, detail }]);
});
