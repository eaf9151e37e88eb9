/** The promise: the template's example of a field with a pattern is a text that the dataset accepts, or is left out. */
import { RecordNumbers } from "../../../formats/check/record-numbers.ts";
import { compileRecordSchema, recordSchemaFaults } from "../../../formats/schema/record-schema.ts";
import { exampleRecord } from "../../../formats/template/example.ts";
import { rounds, seeded } from "../../helpers/seeded.ts";

const requiring = (field: object) => ({ type: "object", required: ["a"], properties: { a: field } });

function exampleOf(field: object): unknown {
  const schema = requiring(field);
  expect([field, recordSchemaFaults(schema)]).toEqual([field, []]);
  const record = exampleRecord(schema);
  const validator = compileRecordSchema(schema, { coerce: false });
  if (record.a !== undefined)
    expect([field, record, validator.check({ ...record }, new RecordNumbers())]).toEqual([field, record, null]);
  return record.a;
}

test.each<[pattern: string, more: object, expected: string]>([
  ["^[A-Z]{3}$", {}, "AAA"],
  ["^[A-Z]{2}\\d{6}$", {}, "AA111111"],
  ["^\\d{5}(-\\d{4})?$", {}, "11111"],
  ["^(?:EUR|USD)$", {}, "EUR"],
  ["^SO-[0-9]+$", {}, "SO-1"],
  ["^SO-[0-9]+$", { minLength: 9 }, "SO-1111111111"],
  ["^SO-\\d*$", { minLength: 4, maxLength: 5 }, "SO-1"],
  ["^[^@\\s]+@[^@\\s]+\\.[a-z]{2,}$", {}, "A@A.aa"],
  ["^\\+?[1-9]\\d{1,14}$", {}, "11"],
  ["^[0-9a-f]{8}-[0-9a-f]{4}$", {}, "aaaaaaaa-aaaa"],
  ["^#?([a-fA-F0-9]{6})$", {}, "AAAAAA"],
  ["^(?<year>\\d{4})-(0[1-9]|1[0-2])$", {}, "1111-01"],
  ["^\\p{Lu}\\p{L}*$", {}, "A"],
  ["^[\\@\\#\\-]\\-\\@\\/\\.\\t?$", {}, "#-@/."],
  ["^[€£]\\d+\\.\\d{2}$", {}, "€1.11"],
  ["^\\x41\\u0042[\\x43-\\x44]$", {}, "ABC"],
  ["[0-9]", {}, "1"],
  ["^[0-9]", { minLength: 4 }, "1xxx"],
  ["z$", { minLength: 4 }, "xxxz"],
  ["^(a|bc)$", { minLength: 2 }, "bc"],
  ["^.{3,5}$", {}, "text"],
  ["^(?i)abc$", {}, "abc"],
  ["^https://", { format: "uri" }, "https://example.com/"],
  ["^[中-亿]$", {}, "中"],
])("%s %j", (pattern, more, expected) => {
  expect(exampleOf({ type: "string", pattern, ...more })).toBe(expected);
});

test.each<[string, object]>([
  ["a pattern that nothing matches", { pattern: "^a$b" }],
  ["a text that would be too long", { pattern: "^([0-9]{400}[a-z]){2}$" }],
  ["a pattern that the length forbids", { pattern: "^[0-9]{4}$", maxLength: 3 }],
  ["a format and a pattern that no known text has both of", { pattern: "^20", format: "email" }],
  ["several patterns of which none makes what the others accept", { pattern: "^1", allOf: [{ pattern: "^2" }] }],
])("%s: the field is left out", (_name, field) => {
  expect(exampleOf({ type: "string", ...field })).toBeUndefined();
});

test("patterns of numbers mean nothing, those of items do, and the schema's own example goes first", () => {
  expect(exampleOf({ type: "integer", pattern: "^[A-Z]$" })).toBe(1);
  expect(exampleOf({ type: "array", items: { type: "string", pattern: "^[A-Z]\\d$" } })).toEqual(["A1"]);
  expect(exampleOf({ type: "string", pattern: "^[A-Z]$", examples: ["Q"] })).toBe("Q");
});

describe("patterns of all kinds", () => {
  const parts = [
    "[A-Z]",
    "[a-z0-9_]",
    "[^,;]",
    "\\d",
    "\\w",
    "\\S",
    "x",
    "-",
    "\\.",
    "\\pL",
    "é",
    ".",
    "(?:ab|c)",
    "[-+]",
  ];
  const counts = ["", "", "{2}", "{1,3}", "{2,}", "+", "*", "?", "+?"];

  test("the row is accepted", () => {
    const random = seeded(7);
    const one = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
    const piece = (depth: number): string => {
      const inside =
        depth > 0 && random() < 0.3 ? `(${piece(depth - 1)}${random() < 0.5 ? `|${piece(0)}` : ""})` : one(parts);
      return `${inside}${one(counts)}`;
    };
    for (let i = 0; i < rounds(100); i++) {
      const pattern = `^${Array.from({ length: 1 + Math.floor(random() * 5) }, () => piece(2)).join("")}$`;
      const minLength = random() < 0.3 ? Math.floor(random() * 4) : 0;
      const value = exampleOf({ type: "string", pattern, minLength });
      if (minLength === 0) expect([pattern, typeof value]).toEqual([pattern, "string"]);
    }
  });
});
