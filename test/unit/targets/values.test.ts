/** The promise: before any SQL each value becomes a text that its column can hold exactly, or a fault with a code. */
import { plainType } from "../../../database/dialects/postgres/table/columns.ts";
import type { TargetColumn } from "../../../database/targets/target.ts";
import { rowOf } from "../../../database/targets/values.ts";
import { about, column, planOf } from "../../helpers/targets.ts";

/** The text of a JSON value in such a column, or the fault's code and message. */
function held(of: Partial<TargetColumn>, json: string): unknown {
  const row = rowOf(planOf([column("a", of)]), `{"a":${json}}`, about);
  return "fault" in row ? `${row.fault.code}: ${row.fault.message}` : row.values[0];
}

const int2 = { kind: "integer", range: { least: "-32768", most: "32767" } } as const;
const int8 = { kind: "integer", range: { least: "-9223372036854775808", most: "9223372036854775807" } } as const;
const money = { kind: "decimal", precision: 8, scale: 2 } as const;
const anyDecimal = { kind: "decimal" } as const;
const array = { kind: "array" } as const;

describe("whole numbers", () => {
  test.each([
    [int2, "32767", "32767"],
    [int2, "-32768", "-32768"],
    [int2, "32768", "range: must be from -32768 to 32767"],
    [int2, "1.0", "1"],
    [int2, "1.20e1", "12"],
    [int2, '"12"', "12"],
    [int2, '"0x10"', "type: must be a whole number"],
    [int2, '" 12"', "type: must be a whole number"],
    [int2, "true", "type: must be a whole number"],
    [int2, "1.5", "type: must be a whole number"],
    [int2, "1e999999999999999999", "range: must be from -32768 to 32767"],
    [int8, "9223372036854775807", "9223372036854775807"],
    [int8, "9223372036854775808", "range: must be from -9223372036854775808 to 9223372036854775807"],
    [int8, "9007199254740993", "9007199254740993"],
    [int8, "1e18", "1000000000000000000"],
    [int8, "1e400", "range: must be from -9223372036854775808 to 9223372036854775807"],
  ])("%j holds of %s: %s", (of, json, text) => expect(held(of, json)).toBe(text));
});

describe("decimals are never rounded", () => {
  test.each([
    [money, "12.5", "12.5"],
    [money, "12.50", "12.5"],
    [anyDecimal, "12.50", "12.50"],
    [money, "12.500", "12.5"],
    [money, "12.505", "range: must have at most 2 decimals"],
    [money, "999999.99", "999999.99"],
    [money, "1000000", "range: must have at most 6 digits before the point"],
    [money, "1e5", "100000"],
    [money, "0", "0"],
    [money, '"12,5"', "type: must be a number"],
    [money, '"NaN"', "type: must be a number"],
    [money, '"Infinity"', "type: must be a number"],
    [{ kind: "decimal", precision: 2, scale: 2 }, "0.12", "0.12"],
    [{ kind: "decimal", precision: 2, scale: 2 }, "1", "range: must be nearer to zero"],
    [{ kind: "decimal", precision: 2, scale: -3 }, "12000", "12000"],
    [{ kind: "decimal", precision: 2, scale: -3 }, "12500", "range: must end in 3 zeros"],
    [anyDecimal, "12345678901234567.89", "12345678901234567.89"],
    [anyDecimal, "1e200000", "range: must have at most 131072 digits before the point"],
    [anyDecimal, "1e-16384", "range: must have at most 16383 decimals"],
    [anyDecimal, "1e999999999999999999", "range: must have a smaller exponent"],
    [{ kind: "decimal", range: int8.range }, "9007199254740993", "9007199254740993"],
    [{ kind: "decimal", range: int8.range }, "1.5", "type: must be a whole number"],
  ] as const)("%j holds of %s: %s", (of, json, text) => expect(held(of, json)).toBe(text));
});

describe("floats", () => {
  test.each([
    [53, "0.1", "0.1"],
    [53, "1e400", "range: must be a number that a floating point column holds"],
    [53, "1e-400", "range: must be a number that a floating point column holds"],
    [53, "0e-400", "0"],
    [24, "1e39", "range: must be a number that a floating point column holds"],
    [24, "1.5", "1.5"],
  ])("of %d bits holds of %s: %s", (precision, json, text) =>
    expect(held({ kind: "float", precision }, json)).toBe(text),
  );
});

describe("texts", () => {
  const three = (units: "characters" | "utf-16" | "bytes") => ({ maxLength: { units, most: 3 } });
  test.each([
    [{}, '"a"', "a"],
    [{}, "12.50", "12.50"],
    [{}, "1e21", "1e21"],
    [{}, "9007199254740993", "9007199254740993"],
    [{}, "true", "true"],
    [{}, '{"b":[1.10,"x"]}', '{"b":[1.10,"x"]}'],
    [{}, '"a\\u0000b"', "a\uFFFDb"],
    [{}, '"a\\ud800b"', "a\uFFFDb"],
    [{}, '{"a\\u0000":"\\u0000","b":"\\\\u0000"}', '{"a\uFFFD":"\uFFFD","b":"\\\\u0000"}'],
    [three("characters"), '"😀😀😀"', "😀😀😀"],
    [three("characters"), '"😀😀😀😀"', "maxLength: must not have more than 3 characters"],
    [three("utf-16"), '"😀😀"', "maxLength: must not have more than 3 characters"],
    [three("bytes"), '"äb"', "äb"],
    [three("bytes"), '"ää"', "maxLength: must not have more than 3 bytes"],
    [three("characters"), "1234", "maxLength: must not have more than 3 characters"],
    [three("characters"), '"a   "', "maxLength: must not have more than 3 characters"],
  ])("%j holds of %s: %s", (of, json, text) => expect(held(of, json)).toBe(text));
});

describe("dates and times", () => {
  const day = "type: must be a date like 2026-11-29";
  const moment = "type: must be a date and time like 2026-11-29T13:45:00Z";
  const time = "type: must be a time like 13:45:00";
  test.each([
    ["date", "2026-11-29", "2026-11-29"],
    ["date", "2024-02-29", "2024-02-29"],
    ["date", "2026-02-29", day],
    ["date", "0000-01-01", day],
    ["date", "now", day],
    ["date", "infinity", day],
    ["date", "29.11.2026", day],
    ["date", "2026-11-29T00:00:00Z", day],
    ["timestamp", "2026-11-29T13:45:00", "2026-11-29 13:45:00"],
    ["timestamp", "2026-11-29T13:45:00Z", "2026-11-29 13:45:00"],
    ["timestamp", "2026-11-29t23:45:00.120-02:00", "2026-11-30 01:45:00.12"],
    ["timestamp", "2026-01-01 00:30:00+0545", "2025-12-31 18:45:00"],
    ["timestamp", "2026-11-29", "2026-11-29 00:00:00"],
    ["timestamp", "0001-01-01T00:00:00+01:00", "range: must be from the year 1 to 9999, in UTC"],
    ["timestamp", "2026-11-29T13:45:00.1234567", "range: must have at most 6 decimals of a second"],
    ["timestamp", "2026-11-29T13:45:00.1234560", "2026-11-29 13:45:00.123456"],
    ["timestamp", "2026-11-29T24:00:00Z", moment],
    ["timestamp", "2026-11-29T13:45:60Z", moment],
    ["timestamp", "-infinity", moment],
    ["timestamptz", "2026-11-29T13:45:00+02:00", "2026-11-29 13:45:00+02:00"],
    ["timestamptz", "2026-11-29T13:45:00-05", "2026-11-29 13:45:00-05:00"],
    ["timestamptz", "2026-11-29T13:45:00", "2026-11-29 13:45:00+00:00"],
    ["timestamptz", "today", moment],
    ["time", "13:45", "13:45:00"],
    ["time", "23:45:00-02:00", "01:45:00"],
    ["time", "00:15:00+02:00", "22:15:00"],
    ["time", "allballs", time],
  ] as const)("%s holds of %s: %s", (kind, text, expected) =>
    expect(held({ kind }, JSON.stringify(text))).toBe(expected),
  );

  test("a time with an offset stays so where the column has one", () => {
    expect(held({ kind: "time", type: "time with time zone" }, '"13:45:00-02:00"')).toBe("13:45:00-02:00");
  });
  test("a column of whole seconds takes no fraction", () => {
    expect(held({ kind: "timestamp", scale: 0 }, '"2026-11-29T13:45:00.5Z"')).toMatch(/^range: .* 0 decimals/);
  });
});

describe("other kinds", () => {
  test.each([
    [{ kind: "boolean" }, "true", "true"],
    [{ kind: "boolean" }, '"false"', "false"],
    [{ kind: "boolean" }, "1", "type: must be true or false"],
    [{ kind: "uuid" }, '"0193A1C2-7d4e-7b60-8f3a-2c5d9e0b1a47"', "0193a1c2-7d4e-7b60-8f3a-2c5d9e0b1a47"],
    [{ kind: "uuid" }, '"{0193a1c2-7d4e-7b60-8f3a-2c5d9e0b1a47}"', /^type: must be a UUID/],
    [{ kind: "enum", values: ["new", "paid"] }, '"paid"', "paid"],
    [{ kind: "enum", values: ["new", "paid"] }, '"Paid"', 'type: must be one of "new", "paid"'],
    [{ kind: "json" }, '"a\\u0000"', '"a\uFFFD"'],
    [{ kind: "json" }, '{"a":1.50,"b":12345678901234567.89}', '{"a":1.50,"b":12345678901234567.89}'],
    [{ kind: "other" }, '"192.0.2.1"', "192.0.2.1"],
    [{ kind: "other" }, "[1]", "type: must be a text or a number"],
    [
      { kind: "other", maxLength: { units: "characters", most: 3 } },
      '"1011"',
      "maxLength: must not have more than 3 characters",
    ],
    [{ ...array, element: "text" }, '["a\\"b","c\\\\d",null,"NULL",1.50]', '{"a\\"b","c\\\\d",NULL,"NULL","1.50"}'],
    [{ ...array, element: "integer", range: int2.range }, "[1,2]", '{"1","2"}'],
    [{ ...array, element: "integer", range: int2.range }, "[40000]", /^range: has an element that must be from/],
    [{ ...array, element: "text" }, "[[1]]", "type: has an element that must be no list itself"],
    [{ ...array, element: "text" }, '"{a}"', "type: must be a list"],
  ] as const)("%j holds of %s: %s", (of, json, expected) => {
    const text = held(of as Partial<TargetColumn>, json);
    expect(text).toEqual(expected instanceof RegExp ? expect.stringMatching(expected) : expected);
  });
});

/** The server's locale may use another decimal point than the text, so the text is cast to a number first. */
test("a text becomes money by way of a number", () => {
  expect(["money", "money[]"].map(plainType)).toEqual(["numeric::money", "numeric[]::money[]"]);
});
