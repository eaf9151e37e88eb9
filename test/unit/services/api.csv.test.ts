/** The promise: a report runs nothing in any spreadsheet, whatever its delimiter is, and contains each raw text once. */
import papaparse from "papaparse";
import { CSV_HEAD, csvRows } from "../../../services/api/http/csv.ts";
import { coreMs, patience } from "../../helpers/patience.ts";

const fault = (message: string, field = "f", cause = {}) => ({ field, code: "type", message, ...cause });
const rows = (raw: string, errors = [fault("m")], line: number | null = 2) =>
  [...csvRows({ seq: 1, line, raw, errors })].join("");
const parsed = (text: string) => papaparse.parse<string[]>(text, { skipEmptyLines: true, delimiter: "," }).data;

/** The column of the raw text. */
const RAW = 5;

/** The characters that a spreadsheet skips before a formula, and the beginning of a formula. */
const FORMULA = /^[\s\p{C}"]*[=+\-@＝＋－＠]/u;
const starts = ["=", "+", "-", "@", "＝", "＋", "－", "＠"];
const before = ["", " ", "  \u00a0", "\u200b", "\ufeff", "\u3000", '"', '" "'];
const texts = before.flatMap((blanks) => starts.map((start) => `${blanks}${start}cmd|'/c calc'!A1`));

test.each([
  ["a comma", ","],
  ["a semicolon", ";"],
  ["a tab", "\t"],
])("no cell is a formula if the delimiter is %s", (_, delimiter) => {
  const cells = texts.flatMap((text) => [
    text,
    `a;${text};b`,
    `a\t${text}`,
    `a\n${text}`,
    `a\r\n${text}`,
    `a\r${text}`,
  ]);
  for (const cell of cells)
    for (const text of [
      rows(cell),
      rows("x", [fault(cell)]),
      rows("x", [fault("m", cell)]),
      rows("x", [fault("m", "f", { column: cell })]),
      rows("x", [fault("m", "f", { value: cell })]),
    ]) {
      // With another delimiter than the comma, Excel treats quotes after a comma as text.
      const found =
        delimiter === "," ? parsed(text).flat() : text.split(/[\r\n]+/).flatMap((row) => row.split(delimiter));
      expect(found.filter((one) => FORMULA.test(one))).toEqual([]);
    }
});

test.each(["\tx", "\rx", "\nx", "\r\n=1"])("a cell does not begin with %j", (text) => {
  expect(parsed(rows(text)).at(0)?.at(RAW)).toMatch(/^'/);
});

test("text that is no formula is unchanged, quoted if needed", () => {
  for (const text of ["a;b", "two\nlines", 'quo"te, comma', "a-b=c", "1;2;x - y", "", " blank", "don't"])
    expect(parsed(rows(text)).at(0)?.at(RAW)).toBe(text);
  expect(rows("a;b")).toBe('1,2,f,type,m,"a;b",,\r\n');
  expect(rows("x", [fault("one\ntwo")])).toBe('1,2,f,type,"one\ntwo",x,,\r\n');
  expect(rows("x", [fault("m")], null)).toBe("1,,f,type,m,x,,\r\n");
});

test("column and value are the last cells", () => {
  expect(rows("x", [fault("m", "amount", { column: "Betrag", value: "1,5" })])).toBe(
    '1,2,amount,type,m,x,Betrag,"1,5"\r\n',
  );
});

test("a record has a row for each fault, and its raw text in the first", () => {
  const raw = "r".repeat(1_000_000);
  const text = rows(
    raw,
    Array.from({ length: 100 }, (_, i) => fault(`m${i}`)),
  );
  expect(parsed(CSV_HEAD + text).map((row) => row.length)).toEqual(Array.from({ length: 101 }, () => 8));
  expect(parsed(text).map((row) => row.at(RAW))).toEqual([raw, ...Array.from({ length: 99 }, () => "")]);
});

test("a record without a fault has a row too", () => {
  expect(rows("x", [])).toBe("1,2,,,,x,,\r\n");
});

test("a long text is made in parts, and is safe where they meet", () => {
  for (const between of ["", " ", '"', ";", "; ", "\n", "a"])
    for (let before = 65_530; before < 65_540; before++) {
      const text = `${"a".repeat(before)};${between}=1${between}\u{1f600}x`;
      const [found] = parsed(rows(text)) as [string[]];
      expect(found.at(RAW)).toBe(between === "a" ? text : text.replace("=1", "'=1"));
    }
  const parts = [...csvRows({ seq: 1, line: 1, raw: '"'.repeat(1_000_000), errors: [] })];
  expect(Math.max(...parts.map((part) => part.length))).toBeLessThan(140_000);
});

test.each(['"', " ", "\t", ";", "\u00a0", "\n", ';"'])("a megabyte of %j is shown within a second", (text) => {
  expect(coreMs(() => rows(text.repeat(1_000_000 / text.length)))).toBeLessThan(patience(1_000));
});
