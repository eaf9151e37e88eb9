/**
 * The promise: a wrong `read` is refused with a pointer to each fault, and members that are left out have the defaults of the
 * table.
 */

import { mergePatch } from "../../../services/policy/policy.patch.ts";
import { completePolicy, policyFaults } from "../../../services/policy/policy.rules.ts";

const schema = {
  properties: {
    d: { type: "string", format: "date" },
    l: { type: "array", items: { format: "date" } },
    n: { type: "number" },
    o: { properties: { at: { format: "date-time" } } },
  },
};
const faults = (read: unknown) => policyFaults({ schema, read }, { isHandler: () => true });

test.each<[string, object]>([
  ["nothing", {}],
  ["labels", { encoding: "Latin1" }],
  [
    "a dialect",
    { dialect: { delimiter: "tab", quoteChar: "'", escapeChar: "\\", commentChar: "#", headerRows: [1, 3] } },
  ],
  ["an escape character that doubles quotes", { dialect: { escapeChar: '"' } }],
  ["columns", { columns: ["a", "b"], dialect: { header: false } }],
  ["numbers", { fields: { n: { decimalChar: ",", groupChar: " ", bareNumber: false } } }],
  ["a decimal comma with groups of points", { fields: { n: { decimalChar: ",", groupChar: "." } } }],
  ["dates", { fields: { d: { format: "%d.%m.%Y" }, "o.at": { format: ["%Y-%m-%d %H:%M", "%d%m%Y"] } } }],
  ["lists of dates", { fields: { l: { separator: "|", format: "%d.%m.%Y" } } }],
  ["numbers of a field that the schema does not know", { fields: { x: { decimalChar: ",", trueValues: ["ja"] } } }],
  ["a title twice for one field", { fields: { n: { titles: ["N", "n"] } } }],
  ["a title that is the name of a field in other letters", { fields: { n: { titles: ["D"] } } }],
])("%s", (_, read) => {
  expect(faults(read)).toEqual([]);
});

test.each<[object, string]>([
  [{ encodig: "utf-8" }, "/read/encodig"],
  [{ encoding: "klingon" }, "/read/encoding"],
  [{ dialect: { delimiter: "x" } }, "/read/dialect/delimiter"],
  [{ dialect: { delimiter: '"' } }, "/read/dialect/delimiter"],
  [{ dialect: { quoteChar: "''" } }, "/read/dialect/quoteChar"],
  [{ dialect: { quoteChar: "|" } }, "/read/dialect/quoteChar"],
  [{ dialect: { delimiter: ";", escapeChar: ";" } }, "/read/dialect/escapeChar"],
  [{ dialect: { commentChar: '"' } }, "/read/dialect/commentChar"],
  [{ dialect: { headerRows: [] } }, "/read/dialect/headerRows"],
  [{ dialect: { headerRows: [3, 1] } }, "/read/dialect/headerRows"],
  [{ dialect: { headerRows: [0] } }, "/read/dialect/headerRows/0"],
  [{ dialect: { header: "no" } }, "/read/dialect/header"],
  [{ columns: ["a", ""] }, "/read/columns/1"],
  [{ columns: ["a", "a\u200b"] }, "/read/columns/1"],
  [{ columns: [] }, "/read/columns"],
  [{ unknownColumns: "ignore" }, "/read/unknownColumns"],
  [{ missingValues: "NULL" }, "/read/missingValues"],
  [{ trim: 1 }, "/read/trim"],
  [{ fields: [] }, "/read/fields"],
  [{ fields: { n: { decimalchar: "," } } }, "/read/fields/n/decimalchar"],
  [{ fields: { n: { decimalChar: ",", groupChar: "," } } }, "/read/fields/n/groupChar"],
  [{ fields: { n: { groupChar: "." } } }, "/read/fields/n/groupChar"],
  [{ fields: { n: { decimalChar: "5" } } }, "/read/fields/n/decimalChar"],
  [{ fields: { n: { groupChar: "-" } } }, "/read/fields/n/groupChar"],
  [{ fields: { "a/b": { separator: "" } } }, "/read/fields/a~1b/separator"],
  [{ fields: { n: { format: "%d.%m.%Y" } } }, "/read/fields/n/format"],
  [{ fields: { x: { format: "%d.%m.%Y" } } }, "/read/fields/x/format"],
  [{ fields: { l: { format: "%d.%m.%Y" } } }, "/read/fields/l/format"],
  [{ fields: { d: { format: "%d.%m.%y" } } }, "/read/fields/d/format"],
  [{ fields: { d: { format: "%d.%m" } } }, "/read/fields/d/format"],
  [{ fields: { d: { format: ["%d.%m.%Y", "%d.%m.%Y %H"] } } }, "/read/fields/d/format/1"],
  [{ fields: { "o.at": { format: "%H:%M" } } }, "/read/fields/o.at/format"],
  [{ fields: { d: { format: [] } } }, "/read/fields/d/format"],
  [{ fields: { x: { trueValues: ["ja", "NO"] } } }, "/read/fields/x/trueValues"],
  [{ fields: { x: { trueValues: ["ja"], falseValues: ["nein", "JA"] } } }, "/read/fields/x/falseValues/1"],
  [{ fields: { d: { decimalChar: "," } } }, "/read/fields/d/decimalChar"],
  [{ fields: { d: { groupChar: "'" } } }, "/read/fields/d/groupChar"],
  [{ fields: { d: { bareNumber: false } } }, "/read/fields/d/bareNumber"],
  [{ fields: { n: { trueValues: ["ja"] } } }, "/read/fields/n/trueValues"],
  [{ fields: { n: { falseValues: ["nein"] } } }, "/read/fields/n/falseValues"],
  [{ fields: { n: { separator: "|" } } }, "/read/fields/n/separator"],
  [{ fields: { n: { titles: ["a"] }, d: { titles: [" A"] } } }, "/read/fields/d/titles/0"],
  [{ fields: { n: { titles: ["N", " d "] } } }, "/read/fields/n/titles/1"],
  [{ fields: { n: { titles: ["o.at"] } } }, "/read/fields/n/titles/0"],
  [{ fields: { n: { titles: ["x"] }, x: {} } }, "/read/fields/n/titles/0"],
])("%j is wrong", (read, pointer) => {
  expect(faults(read).map((fault) => fault.pointer)).toEqual([pointer]);
});

test("a field that a closed schema does not know is refused", () => {
  const read = { fields: { n: { titles: ["N"] }, "o.x": {}, x: {}, "x.y": {} } };
  const of = (more: object) => policyFaults({ schema: { ...schema, ...more }, read }, { isHandler: () => true });
  expect(of({})).toEqual([]);
  expect(of({ additionalProperties: false }).map(({ pointer }) => pointer)).toEqual([
    "/read/fields/x",
    "/read/fields/x.y",
  ]);
});

test("a policy says nothing of reading, or has all members; a patch changes the one that it names", () => {
  expect(completePolicy({}).read).toBeNull();
  const { read } = completePolicy({ read: { trim: true, fields: { a: { titles: ["A"] } } } as never });
  expect(read).toEqual({
    encoding: "utf-8",
    dialect: {
      delimiter: null,
      quoteChar: '"',
      escapeChar: null,
      header: true,
      headerRows: null,
      commentChar: null,
      skipInitialSpace: false,
      sheetName: null,
      sheetNumber: 1,
    },
    columns: null,
    fillShortRows: false,
    trim: true,
    missingValues: [""],
    fields: { a: { titles: ["A"] } },
  });
  const patch = { read: { trim: null, dialect: { delimiter: ";" }, fields: { a: null, b: { trim: false } } } };
  const patched = completePolicy(mergePatch(completePolicy({ read }), patch) as never);
  expect(patched.read).toEqual({
    ...read,
    trim: false,
    dialect: { ...read?.dialect, delimiter: ";" },
    fields: { b: { trim: false } },
  });
  expect(completePolicy(mergePatch(patched, { read: null }) as never).read).toBeNull();
});
