/**
 * The promise: decimals are compared and divided by their exact values, whatever their size, at a cost in proportion to their
 * text.
 */
import { canonicalText, compareDecimals, decimalOf, isMultiple, isWhole } from "../../../formats/check/decimal.ts";
import { patience } from "../../helpers/patience.ts";
import { rounds, seeded } from "../../helpers/seeded.ts";
import { aDivisor, anyNumber, asBigInts } from "./numbers.kit.ts";

const ROUNDS = rounds(7_000);
/** Thousands of Jest's comparisons take seconds, so Jest compares only values that differ. */
function same(of: string[], found: unknown, expected: unknown): void {
  if (found !== expected) expect([...of, found]).toEqual([...of, expected]);
}
const sign = (difference: number | bigint) => (difference < 0 ? "less" : difference > 0 ? "more" : "same");

test("compared as fractions of whole numbers are", () => {
  const random = seeded(1);
  for (let i = 0; i < ROUNDS; i++) {
    const [one, other] = [anyNumber(random), anyNumber(random)];
    const [a, b] = asBigInts(one, other);
    same([one, other], sign(compareDecimals(decimalOf(one), decimalOf(other))), sign(a - b));
  }
});

test("multiples are those without a remainder", () => {
  const random = seeded(2);
  for (let i = 0; i < ROUNDS; i++) {
    const divisor = String(aDivisor(random));
    const factor = BigInt(Math.floor(random() * 1e6));
    const [unit] = asBigInts(divisor);
    const value = random() < 0.5 ? anyNumber(random) : `${unit * factor}e-400`;
    const [a, b] = asBigInts(value, divisor);
    same([value, divisor], isMultiple(decimalOf(value), decimalOf(divisor)), a % b === 0n);
  }
});

test("one text for one value", () => {
  const random = seeded(3);
  for (let i = 0; i < ROUNDS; i++) {
    const number = anyNumber(random);
    const canonical = canonicalText(decimalOf(number));
    same([number, canonical], String(asBigInts(canonical)), String(asBigInts(number)));
    same([number, canonical], canonicalText(decimalOf(canonical)), canonical);
  }
});

test.each([
  ["0", "0", "-0", "0.000", "0e5", "0e999999999999999999999"],
  ["1", "1", "1.0", "1e0", "10e-1", "0.1e1", "1E+0"],
  ["-25", "-25", "-2.5e1", "-250E-1"],
  ["9007199254740993", "9007199254740993", "9007199254740993.0", "9007199254.740993e6"],
  ["100000000000000000000", "1e20", "100000000000000000000"],
  ["0.00000001", "1e-8", "0.000000010"],
  ["12e499", "1.2e500"],
  ["12e-501", "1.2e-500"],
])("%s", (text, ...spellings) => {
  expect(spellings.map((one) => canonicalText(decimalOf(one)))).toEqual(spellings.map(() => text));
});

test.each([
  ["1e400", true],
  ["1.5e400", true],
  ["123456789012345678901.5", false],
  ["0.99999999999999999999", false],
  ["1e-400", false],
  ["9007199254740993.0", true],
  ["0", true],
])("%s is whole: %s", (text, whole) => {
  expect(isWhole(decimalOf(text))).toBe(whole);
});

test.each([
  "1e1000000000",
  "-1e999999999999999",
  "1e-1000000000",
  "9".repeat(1_000_000),
  `1e${"0".repeat(1_000_000)}9`,
])("what is huge costs no more than its text (%#)", (text) => {
  const began = performance.now();
  const decimal = decimalOf(text);
  const unit = decimalOf("0.123456789");
  compareDecimals(decimal, unit);
  isWhole(decimal);
  isMultiple(decimal, unit);
  isMultiple(decimal, decimalOf("1e-300"));
  expect(canonicalText(decimal).length).toBeLessThanOrEqual(text.length + 30);
  expect(performance.now() - began).toBeLessThan(patience(1000));
});

test("an exponent of more than 15 digits is refused", () => {
  expect(() => decimalOf("1e1000000000000000")).toThrow(expect.objectContaining({ name: "HugeExponent" }));
  expect(() => decimalOf("x")).toThrow("Not a number: x");
});
