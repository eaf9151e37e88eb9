import { RecordNumbers } from "../../../formats/check/record-numbers.ts";
import { compileRecordSchema, recordSchemaFaults } from "../../../formats/schema/record-schema.ts";
import { patience } from "../../helpers/patience.ts";

const check = (schema: object, value: unknown, coerce = false) =>
  compileRecordSchema(schema, { coerce }).check(value, new RecordNumbers());
const brief = (schema: object, value: unknown) =>
  check(schema, value)?.map(({ field, code }) => `${field} ${code}`) ?? [];
const parsed = (text: string) => JSON.parse(text);
const on = (a: object) => ({ properties: { a } });

describe("a record's faults", () => {
  const date = { anyOf: [{ type: "string", format: "date" }, { type: "null" }] };
  test.each<[string, object, unknown, string[]]>([
    ["nothing", { type: "object" }, { a: 1 }, []],
    ["no object", {}, [1], [" malformed"]],
    ["null", {}, null, [" malformed"]],
    ["the path of a nested field", { properties: { a: { required: ["zip"] } } }, { a: {} }, ["a.zip required"]],
    ["the place in an array", { properties: { t: { items: { type: "string" } } } }, { t: ["x", 1] }, ["t[1] type"]],
    [
      "a numeric name in an object",
      { properties: { t: { properties: { 2: { type: "string" } } } } },
      { t: { 2: 1 } },
      ["t.2 type"],
    ],
    ["names with / and ~", { properties: { "a/b~c": { type: "string" } } }, { "a/b~c": 1 }, ["a/b~c type"]],
    [
      "an unknown property",
      { properties: { a: {} }, additionalProperties: false },
      { a: 1, z: 1 },
      ["z additionalProperties"],
    ],
    [
      "an unevaluated property",
      { allOf: [{ properties: { a: {} } }], unevaluatedProperties: false },
      { a: 1, z: 1 },
      ["z unevaluatedProperties"],
    ],
    ["a dependent property", { dependentRequired: { a: ["b"] } }, { a: 1 }, ["b dependentRequired"]],
    [
      "several at once",
      { required: ["x"], properties: { a: { exclusiveMinimum: 0 } } },
      { a: 0 },
      ["x required", "a exclusiveMinimum"],
    ],
    // biome-ignore lint/suspicious/noThenProperty: it is the keyword
    ["the branch behind if", { if: { required: ["a"] }, then: { required: ["b"] } }, { a: 1 }, ["b required"]],
    ["the only branch that its type allows", { properties: { a: date } }, { a: "2024-13-45" }, ["a format"]],
    ["no branch: one fault", { properties: { a: date } }, { a: 1 }, ["a anyOf"]],
    ["two branches of one", { properties: { a: { oneOf: [{ minimum: 1 }, { maximum: 5 }] } } }, { a: 3 }, ["a oneOf"]],
    [
      "contains without its items' noise",
      { properties: { a: { contains: { type: "string" } } } },
      { a: [1, 2] },
      ["a contains"],
    ],
    ["the name of a property", { propertyNames: { pattern: "^[a-z]+$" } }, { A: 1 }, ["A pattern"]],
    ["a property that must not be", { properties: { x: false } }, { x: 1 }, ["x false"]],
    [
      "a local reference",
      { $id: "https://p.example/o", properties: { a: { $ref: "#/$defs/s" } }, $defs: { s: { type: "string" } } },
      { a: 1 },
      ["a type"],
    ],
    ["a format", { properties: { a: { format: "email" } } }, { a: "x" }, ["a format"]],
  ])("%s", (_name, schema, value, faults) => {
    expect(recordSchemaFaults(schema)).toEqual([]);
    expect(brief(schema, value)).toEqual(faults);
  });

  test("name the limit in plain words", () => {
    const schema = {
      required: ["x"],
      properties: {
        a: { maximum: 5 },
        b: { enum: ["EUR", "USD"] },
        c: { anyOf: [{ type: "string" }, { type: "null" }] },
        d: { type: ["integer", "null"] },
      },
    };
    expect(check(schema, { a: 6, b: "GBP", c: 1, d: "x" })?.map(({ message }) => message)).toEqual([
      "is required",
      "must be <= 5",
      'must be one of "EUR", "USD"',
      "must be string or null",
      "must be integer or null",
    ]);
  });

  test.each(
    "date time date-time duration email hostname ipv4 ipv6 uri uri-reference uri-template url uuid byte iso-date-time iso-time json-pointer json-pointer-uri-fragment regex relative-json-pointer".split(
      " ",
    ),
  )("tell of the format %s an example that is one", (format) => {
    const schema = { properties: { a: { format } } };
    const [fault] = check(schema, { a: "(%^ " }) ?? [];
    expect(fault).toMatchObject({ code: "format", message: expect.stringMatching(/^must be .+ like ./) });
    expect(check(schema, { a: fault?.message.split(" like ")[1] })).toBeNull();
  });

  test("are 100 at most", () => {
    expect(check({ properties: { a: { items: { type: "string" } } } }, { a: Array(500).fill(1) })).toHaveLength(100);
  });
});

describe("names that every object inherits", () => {
  const schema = parsed(
    '{"required":["toString"],"properties":{"constructor":{"type":"string"},"__proto__":{"type":"string"}},"additionalProperties":false}',
  );
  test.each<[string, string[]]>([
    ["{}", ["toString required"]],
    ['{"toString":1,"constructor":2}', ["toString additionalProperties", "constructor type"]],
    ['{"toString":1,"__proto__":2}', ["toString additionalProperties", "__proto__ type"]],
  ])("%s", (record, faults) => {
    expect(recordSchemaFaults(schema)).toEqual([]);
    expect(brief(schema, parsed(record)).sort()).toEqual(faults.sort());
    expect(({} as { polluted?: string }).polluted).toBeUndefined();
  });
});

describe("text of CSV", () => {
  const schema = {
    properties: {
      i: { type: "integer" },
      n: { anyOf: [{ type: "number" }, { type: "null" }] },
      b: { type: "boolean" },
      s: { type: ["string", "number"] },
      r: { $ref: "#/$defs/amount" },
      d: { type: "number", default: 7 },
    },
    patternProperties: { "^x_": { type: "integer" } },
    $defs: { amount: { type: "number", minimum: 1 } },
  };
  test.each<[Record<string, string>, unknown]>([
    [
      { i: "12", n: "-1.5e2", b: "TRUE", s: "5", r: "3" },
      { i: 12, n: -150, b: true, s: "5", r: 3, d: 7 },
    ],
    [
      { i: "007", n: ".5", b: "false", x_1: "4", y: "4" },
      { i: 7, n: 0.5, b: false, x_1: 4, y: "4", d: 7 },
    ],
  ])("%j becomes what the schema types", (record, value) => {
    expect(check(schema, record, true)).toBeNull();
    expect(record).toEqual(value);
  });

  test.each(["0x10", "Infinity", "1,5", "1.5", "1e99999999999999999", "x", " "])("%j is no integer", (text) => {
    expect(check(schema, { i: text }, true)).toMatchObject([{ field: "i", code: "type", message: "must be integer" }]);
  });

  test("nothing is converted in JSON", () => {
    expect(brief(schema, { i: "12" })).toEqual(["i type"]);
  });

  test.each<[string, object, object, boolean]>([
    ["a default that the record lacks", on({ default: 1 }), {}, true],
    ["one that it has", on({ default: 1 }), { a: null }, false],
    ["one behind a reference", { $ref: "#/$defs/d", $defs: { d: on({ default: 1 }) } }, {}, true],
    ["one of an item", on({ items: on({ default: 1 }) }), { a: [{ a: 1 }, {}] }, true],
    ["one of an alternative, which fills nothing in", { anyOf: [on({ default: 1 })] }, {}, false],
    ["a property of that name", { properties: { default: { type: "string" } } }, {}, false],
  ])("tells whether it filled in: %s", (_what, schema, record, filled) => {
    const validator = compileRecordSchema(schema, { coerce: false });
    validator.check(record, new RecordNumbers());
    expect(validator.filled).toBe(filled);
  });
});

describe("a schema from outside", () => {
  const deep = parsed(`${'{"items":'.repeat(5000)}{}${"}".repeat(5000)}`);
  const proto = parsed('{"properties":{"__proto__":{"type":"x"}}}');
  test.each<[string, unknown, string]>([
    ["no object", [], ""],
    ["an unknown keyword", { properties: { a: { foo: 1 } } }, "/properties/a/foo"],
    ["our own keyword", { "x-work": -1 }, "/x-work"],
    ["a wrong type", { properties: { a: { type: "strnig" } } }, "/properties/a/type"],
    ["a wrong limit", { properties: { a: { minimum: "1" } } }, "/properties/a/minimum"],
    ["an unknown format", { properties: { a: { format: "nope" } } }, "/properties/a/format"],
    ["lookaround", { properties: { a: { pattern: "(?=x)" } } }, "/properties/a/pattern"],
    ["a backreference", { properties: { a: { pattern: "(a)\\1" } } }, "/properties/a/pattern"],
    ["a wrong name pattern", { patternProperties: { "(/": {} } }, "/patternProperties/(~1"],
    ["a huge pattern", { properties: { a: { pattern: "((x{100}){9}y){9}" } } }, "/properties/a/pattern"],
    ["a remote reference", { properties: { a: { $ref: "https://x.example/s.json" } } }, "/properties/a/$ref"],
    ["the meta-schema as reference", { $ref: "https://json-schema.org/draft/2020-12/schema" }, "/$ref"],
    ["a reference to nothing", { items: { $ref: "#/$defs/none" } }, "/items/$ref"],
    ["another draft", { $schema: "http://json-schema.org/draft-07/schema#" }, "/$schema"],
    ["deep nesting", deep, ""],
    ["deep nesting of a value", { const: parsed("[".repeat(9000) + "]".repeat(9000)) }, ""],
    ["too much text", { description: "x".repeat(70_000) }, ""],
    ["a wrong schema named __proto__", proto, "/properties/__proto__/type"],
  ])("%s is a fault at its place", (_name, schema, pointer) => {
    const faults = recordSchemaFaults(schema);
    expect(faults.map((fault) => fault.pointer)).toEqual([pointer]);
    expect(faults[0]?.detail).toMatch(/\w/);
  });

  test.each(["$id", "title", "description", "$comment"])("code in %s is not run", (keyword) => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it must not become one
    const code = '*/"];globalThis.hacked=1;//${globalThis.hacked=1}`';
    const schema = {
      properties: { [code]: { [keyword]: code, enum: [code], const: code, default: code } },
      required: [code],
    };
    if (recordSchemaFaults(schema).length === 0) check(schema, { [code]: 1 });
    expect("hacked" in globalThis).toBe(false);
  });

  test("a pattern made to hang does not", () => {
    const started = performance.now();
    expect(brief({ properties: { a: { pattern: "^(a+)+$" } } }, { a: `${"a".repeat(50_000)}!` })).toEqual([
      "a pattern",
    ]);
    expect(performance.now() - started).toBeLessThan(patience(2000));
  });

  test("patterns do not affect each other", () => {
    const schema = { properties: { a: { pattern: "^(x|y)$" }, b: { pattern: "^(z)$" }, c: { pattern: "^[A-Z]{3}$" } } };
    expect(brief(schema, { a: "x", b: "z", c: "EUR" })).toEqual([]);
    expect(brief(schema, { a: "z", b: "x", c: "EURO" })).toEqual(["a pattern", "b pattern", "c pattern"]);
  });

  test("a reference to itself ends as one fault", () => {
    expect(brief({ $ref: "#" }, {})).toEqual([" $ref"]);
  });

  test("a tree that refers to itself is checked to its depth", () => {
    const tree = { properties: { name: { type: "string" }, children: { items: { $ref: "#" } } } };
    expect(brief(tree, { children: [{ children: [{ name: 1 }] }] })).toEqual(["children[0].children[0].name type"]);
  });

  test("work that grows without bounds is one fault", () => {
    const twice = (i: number) => ({ allOf: [{ $ref: `#/$defs/d${i + 1}` }, { $ref: `#/$defs/d${i + 1}` }] });
    const $defs = Object.fromEntries(
      Array.from({ length: 41 }, (_, i) => [`d${i}`, i < 40 ? twice(i) : { type: "object" }]),
    );
    expect(brief({ $ref: "#/$defs/d0", $defs }, {})).toEqual([" too_large"]);
    const many = { properties: { a: { items: { allOf: Array(100).fill({ type: "string" }) } } } };
    const validator = compileRecordSchema(many, { coerce: false });
    expect(validator.check({ a: Array(400_000).fill("x") }, new RecordNumbers())?.[0]?.code).toBe("too_large");
    expect(validator.check({ a: ["x"] }, new RecordNumbers())).toBeNull();
  });

  test.each<[string, object, unknown]>([
    ["formats", { format: "email" }, "a.".repeat(400_000)],
    ["patterns", { pattern: "^[a-z.]*x$" }, "a.".repeat(400_000)],
    ["lengths", { minLength: 3, maxLength: 5 }, "é".repeat(400_000)],
    ["lists without twins", { uniqueItems: true }, Array.from({ length: 20_000 }, (_, i) => ({ i }))],
    [
      "counts of names",
      { minProperties: 3 },
      Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`n${i}`, 1])),
    ],
  ])("many %s over the same large value are one fault", (_name, keyword, a) => {
    const schema = { properties: { a: { allOf: Array.from({ length: 240 }, () => keyword) } } };
    expect(recordSchemaFaults(schema)).toEqual([]);
    expect(brief(schema, { a })).toEqual([" too_large"]);
    expect(check(schema, { a: null })).toBeNull();
  });

  test("20,000 objects are compared quickly", () => {
    const schema = { properties: { a: { uniqueItems: true } } };
    const items = Array.from({ length: 20_000 }, (_, i) => ({ i, text: `item ${i}` }));
    const started = performance.now();
    expect(brief(schema, { a: items })).toEqual([]);
    expect(performance.now() - started).toBeLessThan(patience(1000));
    expect(brief(schema, { a: [...items, { text: "item 3", i: 3 }] })).toEqual(["a uniqueItems"]);
    expect(brief(schema, { a: [1, "1", null, "null", [1], ["1"], true, 1.5] })).toEqual([]);
    expect(brief(schema, { a: [1, 1.0] })).toEqual(["a uniqueItems"]);
  });
});
