/** The promise: whatever a schema, a pattern or a record asks for, the work is limited. */
import { RE2JS } from "re2js";
import { RecordNumbers } from "../../../formats/check/record-numbers.ts";
import { compileRecordSchema, recordSchemaFaults } from "../../../formats/schema/record-schema.ts";
import { MAX_WORK } from "../../../formats/schema/work-budget.ts";
import { coreMs, patience } from "../../helpers/patience.ts";

const MIB = 2 ** 20;
const on = (a: object) => ({ properties: { a } });

/** The faults that a check finds, and its cost. */
function checkOf(schema: object, record: object, coerce = false) {
  expect(recordSchemaFaults(schema)).toEqual([]);
  const validator = compileRecordSchema(schema, { coerce });
  const faults = validator.check(record, new RecordNumbers()) ?? [];
  return { codes: [...new Set(faults.map(({ code }) => code))], count: faults.length, work: validator.work };
}

describe("a record has at most 100 faults, and the search ends there", () => {
  const wrong = Array(300_000).fill(1);
  const names = Object.fromEntries(wrong.slice(0, 50_000).map((one, i) => [`k${i}`, one]));
  const text = { type: "string" };
  test.each<[string, object, unknown, string]>([
    ["items", on({ items: text }), wrong, "type"],
    ["items behind a reference", { ...on({ items: { $ref: "#/$defs/t" } }), $defs: { t: text } }, wrong, "type"],
    ["items within an alternative", on({ anyOf: [{ items: text }, { type: "null" }] }), wrong, "type"],
    ["unevaluated items", on({ unevaluatedItems: text }), wrong.slice(0, 9000), "type"],
    ["unknown properties", on({ additionalProperties: false }), names, "additionalProperties"],
    ["properties of a pattern", on({ patternProperties: { "^k": false } }), names, "false"],
    ["names", on({ propertyNames: { maxLength: 1 } }), names, "maxLength"],
  ])("%s", (_name, schema, a, code) => {
    const { codes, count, work } = checkOf(schema, { a });
    expect({ codes, count }).toEqual({ codes: [code], count: 100 });
    expect(work).toBeLessThan(MAX_WORK / 5);
  });

  test("an alternative that ends early does not end the others", () => {
    const schema = on({ anyOf: [{ items: { type: "string" } }, { items: { type: "number" } }] });
    expect(checkOf(schema, { a: wrong }).codes).toEqual([]);
  });

  test("alternatives in lists in alternatives are one fault", () => {
    let schema: object = { type: "string" };
    let value: unknown = 1;
    for (let depth = 0; depth < 20; depth++) {
      schema = { anyOf: [{ items: schema }, { type: "null" }] };
      value = [value, value];
    }
    expect(checkOf(on(schema), { a: value }).codes).toEqual(["too_large"]);
  });
});

describe("a pattern", () => {
  test.each<[string, string, string]>([
    ["with a long rest after its quantifier", `^\\w+${"\\w{99}".repeat(7)}$`, "a".repeat(MIB)],
    ["of a large program", "(?:[a-z]{1,30}){10}[!?]", "a".repeat(MIB)],
  ])("%s costs work by the text's length", (_name, pattern, a) => {
    expect(checkOf(on({ pattern }), { a }).codes).toEqual(["too_large"]);
    expect(checkOf(on({ pattern }), { a: a.slice(0, 40) }).codes).toEqual(["pattern"]);
  });

  /** Letters in no order. */
  const letters = (length: number) => {
    let seed = 7;
    const next = () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return String.fromCharCode(97 + ((seed >>> 10) % 26));
    };
    return Array.from({ length }, next).join("");
  };

  test.each<[string, number]>([
    ["in a long text", 6_300],
    ["in a short one", 3_000],
  ])("that follows a thousand ways at once pays for each of them, %s", (_where, length) => {
    const pattern = "^\\w*[a-m](\\w\\w?){499}$";
    const a = Array(Math.floor(6_300 / length)).fill(`${letters(length)}!`);
    expect(checkOf(on({ items: { pattern } }), { a }).codes).toEqual(["too_large"]);
    expect(checkOf(on({ items: { pattern } }), { a: [letters(900)] }).codes).toEqual([]);
  });

  test.each<[string, string, boolean]>([
    ["^(\\w+\\s?)*$", `${letters(400_000)}!`, false],
    ["^(\\w+\\s?)*$", letters(400_000), true],
    ["^\\w+\\w{99}$", `${letters(140_000)}é`, false],
    ["^\\w*[aeiou]\\w{9}$", `${letters(100_000)}a${letters(9)}`, true],
    ["^\\w*[aeiou]\\w{99}$", `${letters(140_000)}!`, false],
    ["\\bfoo\\b|bar$", `${letters(9_000)} foo`, true],
    ["\\bfoo\\b|bar$", `${letters(9_000)} food`, false],
    ["(?m)^x|y\\z", `${letters(9_000)}\nx!`, true],
    ["\\p{Lu}{2}|[à-ü]{3}", `${letters(5_000)}üü`, false],
    ["\\p{Lu}{2}|[à-ü]{3}", `${letters(5_000)}ÄÖ`, true],
  ])("%s is found in a long text as in a short one", (pattern, a, isFound) => {
    const validator = compileRecordSchema(on({ pattern }), { coerce: false });
    const codes = () => (validator.check({ a }, new RecordNumbers()) ?? []).map(({ code }) => code);
    const expected = isFound ? [] : ["pattern"];
    expect([codes(), codes()]).toEqual([expected, expected]);
  });

  test.each(["^[A-Z]{2}\\d{4}$", "^\\d{5}(-\\d{4})?$", "^[\\w.+-]+@[\\w-]+\\.[\\w.]+$", "^[A-Z]{3}$"])(
    "%s costs next to nothing on what fields hold",
    (pattern) => {
      const schema = { properties: { a: { items: { pattern } } } };
      expect(checkOf(schema, { a: ["12345-6789"] }).work).toBeLessThan(30);
    },
  );

  test.each([
    "(?:(?:x{1000}){1000}){1000}",
    `(${"a".repeat(100)}){1000}`,
    "(?i:[\\x{80}-\\x{10FFF0}])".repeat(10),
    `(?i)${"\\p{L}".repeat(1000)}`,
    "[\\p{L}\\p{N}]".repeat(1000),
    "x*".repeat(30_000),
  ])("%# is too large, and refused before it is compiled", (pattern) => {
    let found: ReturnType<typeof recordSchemaFaults> = [];
    const took = coreMs(() => {
      found = recordSchemaFaults(on({ pattern }));
    });
    expect(found[0]).toEqual({ pointer: "/properties/a/pattern", detail: expect.stringContaining("too large") });
    expect(took).toBeLessThan(patience(500));
  });

  test("many patterns have a common bound", () => {
    const properties = Object.fromEntries(
      Array.from({ length: 1500 }, (_, i) => [`p${i}`, { pattern: `^a${i}(b|c)+$` }]),
    );
    expect(recordSchemaFaults({ properties })[0]?.detail).toMatch(/too large together/);
  });

  test("in a record, as the format `regex`, costs work", () => {
    const schema = on({ items: { format: "regex" } });
    expect(checkOf(schema, { a: ["^a+$", "(b|c)*"] }).codes).toEqual([]);
    expect(checkOf(schema, { a: ["(", "a{1001}"] }).codes).toEqual(["format"]);
    expect(checkOf(schema, { a: Array(2000).fill("(?i:[\\x{80}-\\x{10FFF0}])") }).codes).toEqual(["too_large"]);
  });
});

describe("columns of CSV", () => {
  const columns = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`x${i}`, "1"]));

  test("many columns meet patterns that are compiled once", () => {
    const patternProperties = { ...Object.fromEntries(["a", "b", "c"].map((name) => [`^${name}|y`, {}])) };
    const schema = { patternProperties: { ...patternProperties, "^x\\d+|z": { type: "integer" } } };
    const compile = jest.spyOn(RE2JS, "compile");
    const record = { ...columns };
    expect(checkOf(schema, record, true).codes).toEqual([]);
    expect(record.x9999).toBe(1);
    // Once when the schema is read, and once for the check.
    expect(compile.mock.calls.length).toBeLessThanOrEqual(2 * 4);
    compile.mockRestore();
  });

  test("names without the letters of a pattern cost one step each, so that a wide file passes", () => {
    const sensors = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, i) => [`sensor_${i % 50}_temp_${i}`, String(i)]),
    );
    const names = Array.from({ length: 50 }, (_, i) => [`^sensor_${i}_(temp|hum)_\\d+$`, { type: "integer" }]);
    const { codes, work } = checkOf({ patternProperties: Object.fromEntries(names) }, sensors, true);
    expect([codes, sensors.sensor_1_temp_1]).toEqual([[], 1]);
    expect(work).toBeGreaterThan(MAX_WORK);
  });

  test("more patterns than the record's work allows are one fault", () => {
    const patternProperties = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`^x${i}|y`, {}]));
    expect(checkOf({ patternProperties }, { ...columns }, true).codes).toEqual(["too_large"]);
  });
});

describe("compiling a schema", () => {
  test("with too many branches beside unevaluatedProperties is refused", () => {
    const anyOf = Array.from({ length: 300 }, (_, i) => ({ properties: { [`p${i}`]: {} } }));
    const faults = recordSchemaFaults({ allOf: [{ anyOf, unevaluatedProperties: false }] });
    expect(faults.map(({ pointer }) => pointer)).toEqual(["/allOf/0/unevaluatedProperties"]);
  });

  test.each<[string, object]>([
    ["limits", { minimum: 1 }],
    ["values", { const: 1 }],
    ["lists without twins", { uniqueItems: true }],
    ["alternatives", { anyOf: [{ items: { type: "string" } }, { oneOf: [{ type: "null" }, { multipleOf: 1 }] }] }],
    ["references", { $ref: "#/$defs/x" }],
  ])("of 64 kB of %s takes a fraction of a second", (_name, keyword) => {
    const allOf = Array(Math.floor(64_000 / (JSON.stringify(keyword).length + 1))).fill(keyword);
    const started = process.cpuUsage();
    expect(recordSchemaFaults({ properties: { a: { allOf } }, $defs: { x: {} } })).toEqual([]);
    const { user, system } = process.cpuUsage(started);
    expect((user + system) / 1e6).toBeLessThan(1.5);
  });
});
