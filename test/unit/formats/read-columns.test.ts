/** The promise: a fault that every row would have is reported once, with what the sender may have meant. */

import { cleanName, foldedName } from "../../../formats/csv/names.ts";
import { mapColumns } from "../../../formats/read/columns.ts";
import { near } from "../../../formats/read/near.ts";
import { type PartialRead, wholeRead } from "../../../formats/read/read.ts";
import { coreMs, patience } from "../../helpers/patience.ts";

function mapped(names: string[], schema: object, read: PartialRead = {}) {
  const { columns, faults } = mapColumns(names, schema, wholeRead(read));
  return { fields: columns.map(({ path }) => path?.join(".") ?? null), faults };
}

const order = {
  required: ["id", "amount", "currency"],
  properties: { id: {}, amount: {}, currency: { default: "EUR" }, Id: {}, note: {} },
};

test("names match exactly first, then without regard to case, then by their titles", () => {
  const read = { fields: { amount: { titles: ["Betrag", "Montant (€)"] }, total: { titles: ["note"] } } };
  expect(mapped(["id", "Id", "BETRAG", "Note"], order, read).fields).toEqual(["id", "Id", "amount", "note"]);
  expect(mapped(["id", "montant (€)"], order, read)).toEqual({ fields: ["id", "amount"], faults: null });
  // The column could mean either field, so it means neither.
  expect(mapped(["ID", "amount"], order, read).faults).toMatchObject({ missing: ["id"], unknown: [{ column: "ID" }] });
});

test("a required field without a column and default is missing; unknown columns are reported with it", () => {
  expect(mapped(["id", "Ammount", "x"], order).faults).toEqual({
    missing: ["amount"],
    unknown: [{ column: "Ammount", near: "amount" }, { column: "x" }],
    twice: [],
  });
});

test("unknown columns are kept, dropped or refused; a closed schema refuses them", () => {
  const open = { properties: { a: {} } };
  const closed = { ...open, additionalProperties: false };
  expect(mapped(["a", "b"], open)).toEqual({ fields: ["a", "b"], faults: null });
  expect(mapped(["a", "b"], closed).faults).toMatchObject({ unknown: [{ column: "b" }] });
  expect(mapped(["a", "b"], { $ref: "#/$defs/a", $defs: { a: closed } }).faults).toMatchObject({
    unknown: [{ column: "b" }],
  });
  expect(mapped(["a", "b"], closed, { unknownColumns: "drop" })).toEqual({ fields: ["a", null], faults: null });
  expect(mapped(["a", "b"], open, { unknownColumns: "refuse" }).faults).toMatchObject({ unknown: [{ column: "b" }] });
  expect(mapped(["a", "b1"], { ...closed, patternProperties: { "^b": {} } }).faults).toBeNull();
});

test("two columns for one field, or for a field and one within it", () => {
  const read = { fields: { a: { titles: ["b"] } } };
  expect(mapped(["A", "b"], { properties: { a: {} } }, read).faults).toMatchObject({
    twice: [{ field: "a", columns: ["A", "b"] }],
  });
  const nested = { properties: { a: { properties: { b: {} } } } };
  expect(mapped(["a", "a.b"], nested).faults).toMatchObject({ twice: [{ field: "a", columns: ["a", "a.b"] }] });
});

test("paths lead into objects of the schema; a property with this very name takes precedence", () => {
  const nested = {
    required: ["a"],
    properties: { a: { required: ["b", "c"], properties: { b: {}, c: {} } }, "x.y": {}, x: { properties: { y: {} } } },
  };
  const { columns } = mapColumns(["a.b", "A.C", "x.y"], nested);
  expect(columns.map(({ path }) => path)).toEqual([["a", "b"], ["a", "c"], ["x.y"]]);
  expect(mapped(["a.b"], nested).faults).toMatchObject({ missing: ["a.c"] });
  expect(mapped(["z"], nested).faults).toMatchObject({ missing: ["a.b", "a.c"] });
  // A whole object in one cell is left to the schema.
  expect(mapped(["a"], nested).faults).toBeNull();
  const { columns: declared } = mapColumns(["PLZ"], {}, wholeRead({ fields: { "address.zip": { titles: ["PLZ"] } } }));
  expect(declared[0]?.path).toEqual(["address", "zip"]);
  const named = mapColumns(["price incl. VAT", "No."], {}, wholeRead({ fields: { "Price incl. VAT": {}, "No.": {} } }));
  expect(named.columns.map(({ path }) => path)).toEqual([["Price incl. VAT"], ["No."]]);
});

test("a schema that refers to itself has an end", () => {
  const tree = { $defs: { t: { required: ["t"], properties: { t: { $ref: "#/$defs/t" } } } }, $ref: "#/$defs/t" };
  expect(mapped(["t"], tree)).toEqual({ fields: ["t"], faults: null });
});

test("names lose invisible characters, and are case-folded letter by letter", () => {
  expect(cleanName("\ufeff\u00a0 a\u200bb\t\u200d ")).toBe("ab");
  expect(cleanName("cafe\u0301")).toBe("café");
  for (const [one, other] of [
    ["ÄRA", "ära"],
    ["ΣΑΣ", "σας"],
    ["\u212a", "k"],
    ["ſ", "S"],
    ["ẞ", "ß"],
    [" Preis\u00a0", "PREIS"],
  ] as const)
    expect(foldedName(one)).toBe(foldedName(other));
  for (const [one, other] of [
    ["ß", "ss"],
    ["ı", "i"],
    ["İ", "i"],
    ["e", "é"],
  ] as const)
    expect(foldedName(one)).not.toBe(foldedName(other));
});

test("two names are similar if at most one letter in three differs", () => {
  expect(near("ammount", ["id", "amount"])).toBe(1);
  expect(near("amuont", ["amount"])).toBe(0);
  expect(near("order_dat", ["order_id", "order_date"])).toBe(1);
  expect(near("price", ["amount", "note"])).toBeNull();
  expect(near("a1", ["id"])).toBeNull();
});

test.each([
  ["blanks in a name", `a${" ".repeat(900_000)}b`],
  [
    "many letters of other scripts",
    Array.from({ length: 9_000 }, (_, i) => String.fromCodePoint(0x4e00 + i)).join(","),
  ],
  ["many columns that are near a field", Array.from({ length: 9_000 }, (_, i) => `customer_number_${i}`).join(",")],
])("%s cost little", (_, header) => {
  const properties = Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`customer_numbre_${i}`, {}]));
  const schema = { properties, required: Object.keys(properties) };
  const took = coreMs(() => {
    const names = header.split(",").map(cleanName);
    expect(mapped(names, schema).faults?.missing).toHaveLength(100);
  });
  // Comparing each pair of names would take minutes.
  expect(took).toBeLessThan(patience(10_000));
});
