/** The promise: a schema can refer to its own parts in every way of JSON Schema, for JSON and for cells of CSV. */
import { RecordNumbers } from "../../../formats/check/record-numbers.ts";
import { compileRecordSchema, recordSchemaFaults } from "../../../formats/schema/record-schema.ts";

const faultsOf = (schema: object, record: object, coerce = false) =>
  compileRecordSchema(schema, { coerce })
    .check(record, new RecordNumbers())
    ?.map(({ field, code }) => `${field} ${code}`) ?? [];

const amount = { type: "integer", minimum: 1 };

const named: [string, object][] = [
  ["a pointer", { properties: { a: { $ref: "#/$defs/amount" } }, $defs: { amount } }],
  [
    "a pointer with escapes",
    { properties: { a: { $ref: "#/$defs/a%20%25~1~0%22%C3%A9" } }, $defs: { 'a %/~"é': amount } },
  ],
  ["a pointer into another keyword", { properties: { a: { $ref: "#/properties/b" }, b: amount } }],
  ["nested $defs", { properties: { a: { $ref: "#/$defs/x/$defs/y" } }, $defs: { x: { $defs: { y: amount } } } }],
  ["$anchor", { properties: { a: { $ref: "#amount" } }, $defs: { x: { $anchor: "amount", ...amount } } }],
  ["$dynamicAnchor", { properties: { a: { $ref: "#amount" } }, $defs: { x: { $dynamicAnchor: "amount", ...amount } } }],
  [
    "$dynamicRef to the only schema of that name",
    { properties: { a: { $dynamicRef: "#amount" } }, $defs: { x: { $dynamicAnchor: "amount", ...amount } } },
  ],
  ["a relative $id", { properties: { a: { $ref: "amount" } }, $defs: { x: { $id: "amount", ...amount } } }],
  [
    "an $id relative to that of the schema",
    {
      $id: "https://partner.example/schemas/order.json",
      properties: { a: { $ref: "/types/amount" } },
      $defs: { x: { $id: "../types/amount", ...amount } },
    },
  ],
  [
    "an absolute $id",
    { properties: { a: { $ref: "urn:example:amount" } }, $defs: { x: { $id: "urn:example:amount", ...amount } } },
  ],
  [
    "a part of an embedded resource",
    {
      properties: { a: { $ref: "types#/$defs/amount" }, b: { $ref: "types#n" } },
      $defs: { x: { $id: "types", $defs: { amount, n: { $anchor: "n", ...amount } } } },
    },
  ],
  [
    "a reference within an embedded resource",
    {
      properties: { a: { $ref: "types" } },
      $defs: { x: { $id: "types", $ref: "#/$defs/amount", $defs: { amount } }, amount: { type: "string" } },
    },
  ],
  [
    "a chain of references",
    {
      properties: { a: { $ref: "#/$defs/n0" } },
      $defs: Object.fromEntries(
        Array.from({ length: 500 }, (_, i) => [`n${i}`, i < 499 ? { $ref: `#/$defs/n${i + 1}` } : amount]),
      ),
    },
  ],
];

describe.each(named)("%s", (_name, schema) => {
  test("is followed", () => {
    expect(recordSchemaFaults(schema)).toEqual([]);
    expect(faultsOf(schema, { a: 1 })).toEqual([]);
    expect(faultsOf(schema, { a: 0 })).toEqual(["a minimum"]);
    expect(faultsOf(schema, { a: "1" })).toEqual(["a type"]);
  });

  test("gives a cell of CSV its type", () => {
    const record = { a: "12" };
    expect(faultsOf(schema, record, true)).toEqual([]);
    expect(record).toEqual({ a: 12 });
  });
});

test("both kinds of reference in one place hold", () => {
  const schema = {
    properties: { a: { $ref: "#low", $dynamicRef: "#high" } },
    $defs: { low: { $anchor: "low", minimum: 1 }, high: { $dynamicAnchor: "high", maximum: 5 } },
  };
  expect(faultsOf(schema, { a: 0 })).toEqual(["a minimum"]);
  expect(faultsOf(schema, { a: 6 })).toEqual(["a maximum"]);
});

test("names within values are no names", () => {
  const schema = {
    properties: { a: { $ref: "#amount" }, b: { const: { $anchor: "amount", $id: "x" } } },
    $defs: { amount: { $anchor: "amount", ...amount } },
  };
  expect(recordSchemaFaults(schema)).toEqual([]);
  expect(faultsOf(schema, { a: 0 })).toEqual(["a minimum"]);
});

test.each<[string, object, string]>([
  ["an anchor that is not there", { properties: { a: { $ref: "#none" } } }, "/properties/a/$ref"],
  ["an $id that is not there", { $id: "https://p.example/a", $ref: "b" }, "/$ref"],
  ["an anchor of another resource", { $ref: "#n", $defs: { x: { $id: "y", $anchor: "n" } } }, "/$ref"],
  ["a keyword that holds no schema", { $ref: "#/$defs", $defs: {} }, "/$ref"],
  ["a value", { $ref: "#/const", const: {} }, "/$ref"],
  ["a relative name below a URN", { $id: "urn:x:y", items: { $ref: "b" } }, "/items/$ref"],
  ["a wrong $id", { $defs: { a: { $id: "https://" } } }, "/$defs/a/$id"],
  ["an anchor given twice", { $defs: { a: { $anchor: "n" }, b: { $anchor: "n" } } }, "/$defs/b/$anchor"],
  ["an $id given twice", { $defs: { a: { $id: "n" }, b: { $id: "n" } } }, "/$defs/b/$id"],
  [
    "a $dynamicRef to one of several",
    {
      items: { $dynamicRef: "#n" },
      $defs: { a: { $id: "a", $dynamicAnchor: "n" }, b: { $dynamicAnchor: "n" } },
    },
    "/items/$dynamicRef",
  ],
])("%s is a fault at its place", (_name, schema, pointer) => {
  expect(recordSchemaFaults(schema).map((fault) => fault.pointer)).toEqual([pointer]);
});
