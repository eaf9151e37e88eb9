/** The promise: exactly those numbers are found that a double cannot hold, in any place and spelling. */
import { replaceInexact } from "../../../formats/check/exact-json.ts";
import { deliveredNumber, holdsInexact, isExact, jsonNumber } from "../../../formats/check/number-text.ts";
import { rounds, seeded } from "../../helpers/seeded.ts";
import { anyNumber, asBigInts } from "./numbers.kit.ts";

/** Whether a double holds the number, which is so if it prints the same number. */
function isHeld(text: string): boolean {
  const value = Number(text);
  if (!Number.isFinite(value)) return false;
  const [one, other] = asBigInts(text, String(value));
  return one === other;
}

const held = [
  "0",
  "-0",
  "0.1",
  "1e23",
  "9007199254740992",
  "1e300",
  "5e-324",
  "2.5e-310",
  "0.30000000000000004",
  "0e999",
];
const unheld = [
  ["9007199254740993", "9007199254740993.0", "12345678901234567.89", "900719925474099.17", "1e400", "-1e400", "1e-400"],
  [
    "0.10000000000000000001",
    "123456789012345678901.5",
    "1e-310000",
    "3e-324",
    "1.00000000000000000001e2",
    "1e1000000000",
  ],
].flat();

test.each(held)("%s is held", (text) => {
  expect([isExact(text), deliveredNumber(text)]).toEqual([true, Number(text)]);
});

test.each(unheld)("%s is not held, and delivered as text", (text) => {
  expect([isExact(text), deliveredNumber(text)]).toEqual([false, text]);
});

test("of any number", () => {
  const random = seeded(4);
  for (let i = 0; i < rounds(7_000); i++) {
    const text = anyNumber(random);
    const [found, expected] = [
      [isExact(text), holdsInexact(`{"a":${text}}`)],
      [isHeld(text), !isHeld(text)],
    ];
    // Thousands of Jest's comparisons take seconds, so Jest compares only values that differ.
    if (String(found) !== String(expected)) expect([text, ...found]).toEqual([text, ...expected]);
  }
});

describe("in a JSON text", () => {
  test.each(unheld)("%s is found wherever a number may be", (text) => {
    for (const before of ["", " ", "x".repeat(7), "y".repeat(13)]) {
      const places = [`[${text}]`, `[1,${text},2]`, `{"${before}":${text}}`, `{"a": \t${text} , "b":"${before}"}`];
      expect(places.map(holdsInexact)).toEqual(places.map(() => true));
    }
  });

  test.each([
    ...held.map((number) => `{"a":[${number}, ${number}],"b":${number}}`),
    ...unheld.map((number) => `{"a":"${number}","${number}":1}`),
    '{"id":"1e400","uuid":"0193e456-1e40-7e99-8e99-12345678901234567890"}',
    '{"text":"\\"9007199254740993"}',
  ])("%s holds none", (text) => {
    expect(holdsInexact(text)).toBe(false);
  });

  test("says that there may be a long number if too many would have to be read", () => {
    const long = "[0.30000000000000004,0.30000000000000004,1e300,1e300]";
    expect([holdsInexact(long), holdsInexact(long, 2), holdsInexact(long, 1)]).toEqual([false, false, true]);
  });

  test("only numbers are replaced, in order", () => {
    const json = '{"a":9007199254740993,"9e999":"9e999,\\\\","b":[-1e400 ,1.0,"\\"1e400",1e-400],"c":1}';
    const found: string[] = [];
    const replaced = replaceInexact(json, (source) => `"${found.push(source)}"`);
    expect(found).toEqual(["9007199254740993", "-1e400", "1e-400"]);
    expect(replaced).toBe('{"a":"1","9e999":"9e999,\\\\","b":["2" ,1.0,"\\"1e400","3"],"c":1}');
  });
});

test.each([
  ["+007", "7"],
  [".5", "0.5"],
  ["-.50", "-0.50"],
  ["5.", "5"],
  [" 012.e3\t", "12e3"],
  ["000", "0"],
  ["00.10000000000000000001", "0.10000000000000000001"],
])("%j of CSV is %s in JSON", (cell, json) => {
  expect(jsonNumber(cell)).toBe(json);
  expect(JSON.parse(json)).toBe(Number(cell));
});
