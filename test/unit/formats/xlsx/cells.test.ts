/**
 * The promise: cells of a workbook are read as their sender sees them: texts, numbers with their digits, dates by their style,
 * booleans, errors.
 */

import { isoOfDays } from "../../../../formats/xlsx/days.ts";
import { dayKindOf } from "../../../../formats/xlsx/number-formats.ts";
import { cellsOf, storedRow } from "../../../../formats/xlsx/stored.ts";
import { MAIN, relation, relationsOf, sheetXml, workbookOf } from "../../../helpers/workbook.ts";
import { cellsIn, rowsOf, shownRows } from "./workbook.kit.ts";

const inSheet = (data: string, more = {}) => cellsIn({ sheets: { One: data }, ...more });

test("shared strings: plain, in runs, without phonetic hints, with escapes, with blanks only where they are kept", async () => {
  const shared = [
    "<si><t>Ann &amp; Ben</t></si>",
    "<si><r><rPr><b/></rPr><t xml:space='preserve'>two </t></r><r><t>runs</t></r></si>",
    "<si><t>東京</t><rPh sb='0' eb='2'><t>トウキョウ</t></rPh><phoneticPr fontId='1'/></si>",
    "<si><t>a_x000D_b _x005F_x000D_ _xD800_</t></si>",
    "<si><t xml:space='preserve'> kept </t></si>",
    "<si><t> dropped\n</t></si>",
    "<si><t/></si>",
    "<si><t><![CDATA[<b>]]></t></si>",
    // An escape counts only within one run.
    "<si><r><t>_x00</t></r><r><t>41_</t></r></si>",
  ];
  const data = shared.map((_, i) => `<row r="${i + 1}"><c t="s"><v>${i}</v></c></row>`).join("");
  expect(await inSheet(data, { shared })).toEqual([
    "0/1 text Ann & Ben",
    "0/2 text two runs",
    "0/3 text 東京",
    // Half a surrogate pair is no text, so all escapes of that cell stay as they are.
    "0/4 text a_x000D_b _x005F_x000D_ _xD800_",
    "0/5 text  kept",
    "0/6 text dropped",
    "0/8 text <b>",
    "0/9 text _x0041_",
  ]);
  expect(
    await inSheet(`<row><c t="s"><v>0</v></c></row>`, { shared: ["<si><t>a_x000D_b _x005F_x000D_</t></si>"] }),
  ).toEqual(["0/1 text a\rb _x000D_"]);
});

test("numbers keep the digits of the file", async () => {
  const digits = ["9007199254740993", "1234567890.12345678", "10.50", "1E+2", "-0.1", "0.10000000000000001"];
  const data = digits.map((one) => `<row><c><v>${one}</v></c></row>`).join("");
  const rows = await rowsOf(workbookOf({ sheets: { One: data } }));
  expect(rows.map(({ cells }) => cells[0])).toEqual(digits.map((text) => ({ kind: "number", text })));
  const stored = rows.map((row) => cellsOf(JSON.parse(storedRow(row)))[0]?.text);
  expect(stored).toEqual(digits);
});

test("booleans, errors, inline strings and formulas with their cached value or without one", async () => {
  const data = `<row r="2"><c t="b"><v>1</v></c><c t="b"><v>0</v></c><c t="e"><f>1/0</f><v>#DIV/0!</v></c>
    <c t="inlineStr"><is><r><t>in</t></r><r><t>line</t></r></is></c><c><f>A1*2</f><v>20</v></c><c t="str"><f>A1</f><v>abc_x0041_</v></c>
    <c><f>A1</f></c><c><f>A1</f><v></v></c><c t="str"><f>A1</f><v></v></c><c><v/></c><c t="str"><f>x</f></c>
    <c t="b"><v>7</v></c><c><is><t>007</t></is></c></row>`;
  expect(await inSheet(data)).toEqual([
    "0/2 boolean true",
    "1/2 boolean false",
    "2/2 error #DIV/0!",
    "3/2 text inline",
    "4/2 number 20",
    "5/2 text abcA",
    "6/2 formula",
    "7/2 formula",
    "10/2 formula",
    "11/2 text 7",
    "12/2 text 007",
  ]);
});

test("dates by built-in and custom styles; what shows a number stays one", async () => {
  const styles = [
    0,
    14,
    22,
    20,
    46,
    "dd\\.mm\\.yyyy",
    'yyyy"-"mm"-"dd hh:mm:ss',
    "[h]:mm",
    "#,##0.00 [$€-407]",
    '0.0 "days"',
    "[$-407]mmmm yyyy",
    34,
  ];
  const cells = styles.map((_, i) => `<c s="${i}"><v>46053.5</v></c>`).join("");
  expect(await inSheet(`<row>${cells}</row>`, { styles })).toEqual([
    "0/1 number 46053.5",
    "1/1 date 2026-01-31",
    "2/1 date-time 2026-01-31T12:00:00Z",
    "3/1 time 12:00:00",
    "4/1 duration PT1105284H",
    "5/1 date 2026-01-31",
    "6/1 date-time 2026-01-31T12:00:00Z",
    "7/1 duration PT1105284H",
    "8/1 number 46053.5",
    "9/1 number 46053.5",
    "10/1 date 2026-01-31",
    "11/1 date 2026-01-31",
  ]);
  expect(await inSheet(`<row><c s="0"><v>44591</v></c></row>`, { styles: [14], is1904: true })).toEqual([
    "0/1 date 2026-01-31",
  ]);
});

test.each([
  ["yyyy-mm-dd", "date"],
  ["d/m/yy;@", "date"],
  ["TT.MM.JJJJ", "date"],
  ["mmm", "date"],
  ["[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy", "date"],
  ["m/d/yyyy h:mm AM/PM", "date-time"],
  ["[$-F400]h:mm:ss\\ AM/PM", "time"],
  ["mm:ss.0", "time"],
  ['上午/下午h"時"mm"分"', "time"],
  ["[mm]:ss", "duration"],
  ["[Red]h:mm", "time"],
  ["General", null],
  ["0.00E+00", null],
  ['#,##0 "d"', null],
  ["0_d", null],
  ["#,##0\\d", null],
  ["@", null],
  ['"yyyy"', null],
  ["[$USD] 0", null],
])("the format %s shows: %s", (code, kind) => {
  expect(dayKindOf(code)).toBe(kind);
});

test.each([
  ["1", "date", "1900-01-01"],
  ["59", "date", "1900-02-28"],
  ["60", "date", "1900-02-29"],
  ["61", "date", "1900-03-01"],
  ["0", "date", "1900-01-00"],
  ["2958465.99", "date", "9999-12-31"],
  ["46053.999999999", "date-time", "2026-02-01T00:00:00Z"],
  ["0.52083333333333337", "time", "12:30:00"],
  ["0.5000000116", "time", "12:00:00.001"],
  ["0.25", "either", "06:00:00"],
  ["1.5", "duration", "PT36H"],
  ["-0.0625", "duration", "-PT1H30M"],
  ["0", "duration", "PT0S"],
] as const)("the day %s as %s is %s", (digits, kind, text) => {
  expect(isoOfDays(digits, kind, false)?.text).toBe(text);
});

test("a number that is no day of Excel stays a number", () => {
  for (const digits of ["-1", "2958466", "1e300"]) expect(isoOfDays(digits, "date", false)).toBeNull();
  expect(isoOfDays("-1", "date", true)).toBeNull();
  expect(isoOfDays("1e300", "duration", false)).toBeNull();
});

test("dates that are stored as ISO text are cut to what their style shows", async () => {
  const styles = [14, 22, 0, 20];
  const cell = (style: number, text: string) => `<c t="d" s="${style}"><v>${text}</v></c>`;
  const data = `<row>${cell(0, "2026-01-31T00:00:00")}${cell(1, "2026-01-31")}${cell(2, "2026-01-31T09:30:00.000Z")}${cell(3, "2026-01-31T09:30")}${cell(2, "2026-01-31")}${cell(2, "soon")}</row>`;
  expect(await inSheet(data, { styles })).toEqual([
    "0/1 date 2026-01-31",
    "1/1 date-time 2026-01-31T00:00:00Z",
    "2/1 date-time 2026-01-31T09:30:00Z",
    "3/1 time 09:30:00",
    "4/1 date 2026-01-31",
    "5/1 text soon",
  ]);
});

test("rows and cells may be sparse, hidden, without names, and in any order within a row", async () => {
  const data = `<row r="2" hidden="1"><c r="C2"><v>1</v></c><c><v>2</v></c></row><row><c r="B3"><v>3</v></c><c r="A3"><v>4</v></c></row><row r="9"/><row r="1048576"><c r="XFD1048576"><v>5</v></c><c r="AA1048576" s="1"/></row>`;
  expect(shownRows(await rowsOf(workbookOf({ sheets: { One: data } })))).toEqual([
    ["2/2 number 1", "3/2 number 2"],
    ["0/3 number 4", "1/3 number 3"],
    ["16383/1048576 number 5"],
  ]);
  // A row without a number has the number of its first cell with a reference.
  const unnamed = `<row><c r="B3"><v>1</v></c><c><v>2</v></c></row><row><c><v>3</v></c></row>`;
  expect(await inSheet(unnamed)).toEqual(["1/3 number 1", "2/3 number 2", "0/4 number 3"]);
});

test("a merged area has only the value of its first cell", async () => {
  const row = (number: number) => `<row r="${number}">${"<c><v>1</v></c>".repeat(4)}</row>`;
  const data = [1, 2, 3, 4].map(row).join("");
  const behind = `<mergeCells>${["B3:C4", "A1:B1", "D1:D2", "C2"].map((ref) => `<mergeCell ref="${ref}"/>`).join("")}</mergeCells>`;
  const xml = sheetXml(data, behind);
  for (const part of [xml, Buffer.from(`\ufeff${xml}`, "utf16le"), Buffer.from(`\ufeff${xml}`, "utf16le").swap16()])
    expect(
      shownRows(await rowsOf(workbookOf({ sheets: { One: "" }, parts: { "xl/worksheets/sheet1.xml": part } }))),
    ).toEqual([
      ["0/1 number 1", "2/1 number 1", "3/1 number 1"],
      ["0/2 number 1", "1/2 number 1", "2/2 number 1"],
      ["0/3 number 1", "1/3 number 1", "3/3 number 1"],
      ["0/4 number 1", "3/4 number 1"],
    ]);
});

test.each([
  ["/xl/worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"],
  ["xl/worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"],
  ["worksheets\\sheet1.xml", "xl/worksheets/sheet1.xml"],
  ["../xl/./worksheets/sheet1.xml", "XL/Worksheets/Sheet1.xml"],
  ["worksheets/my%20sheet.xml", "xl/worksheets/my sheet.xml"],
  ["worksheets/100%.xml", "xl/worksheets/100%.xml"],
])("a sheet at %s is the part %s; shared strings that no cell needs may be missing", async (target, part) => {
  const relations = [relation("rId1", "worksheet", target), relation("rId2", "sharedStrings", "none.xml")];
  const parts = {
    "xl/worksheets/sheet1.xml": null,
    "xl/_rels/workbook.xml.rels": relationsOf(relations),
    [part]: sheetXml("<row><c><v>1</v></c></row>"),
  };
  expect(await cellsIn({ sheets: { One: "" }, parts })).toEqual(["0/1 number 1"]);
});

test("prefixed and strict namespaces mean the same; elements of other namespaces mean nothing", async () => {
  const strict = "http://purl.oclc.org/ooxml/spreadsheetml/main";
  const prefixed = `<x:worksheet xmlns:x="${MAIN}" xmlns:o="urn:o"><x:sheetData><x:row r="1"><x:c r="A1"><o:v>9</o:v><x:v>1</x:v></x:c><o:c><x:v>7</x:v></o:c></x:row></x:sheetData></x:worksheet>`;
  const parts = { sheets: { One: "" }, parts: { "xl/worksheets/sheet1.xml": prefixed } };
  expect(await cellsIn(parts)).toEqual(["0/1 number 1"]);
  const sheet = sheetXml(`<row><c><v>1</v></c></row>`).replace(MAIN, strict);
  expect(await cellsIn({ sheets: { One: "" }, parts: { "xl/worksheets/sheet1.xml": sheet } })).toEqual([
    "0/1 number 1",
  ]);
});

test("parts in UTF-16 are read", async () => {
  const wide = Buffer.from(
    `\ufeff${sheetXml(`<row><c t="str"><v>é</v></c></row>`).replace("UTF-8", "UTF-16")}`,
    "utf16le",
  );
  expect(await cellsIn({ sheets: { One: "" }, parts: { "xl/worksheets/sheet1.xml": wide } })).toEqual(["0/1 text é"]);
});

test("a row that is longer than a record may be is cut, whatever of it is shared", async () => {
  const shared = [`<si><t>${"x".repeat(500)}</t></si>`];
  const data = `<row><c><v>1</v></c>${`<c t="s"><v>0</v></c>`.repeat(5)}</row><row><c><v>2</v></c></row>`;
  const rows = await rowsOf(workbookOf({ sheets: { One: data }, shared }), { maxRowBytes: 1200 });
  expect(rows.map(({ cells, isCut }) => [cells.length, isCut])).toEqual([
    [3, true],
    [1, false],
  ]);
});

test("a stored row comes back with its cells in their columns", () => {
  const cells = [
    { kind: "text", text: 'a"\u0000' },
    { kind: "date", text: "2026-01-31" },
    { kind: "boolean", text: "true" },
    { kind: "error", text: "#N/A" },
    { kind: "formula", text: "" },
  ] as const;
  const columns = [0, 2, 20, 21, 30];
  const line = storedRow({ number: 17, columns, cells: [...cells], isCut: false });
  expect(line).toBe(
    `{"row":17,"cells":["a\\"\\u0000",null,{"date":"2026-01-31"},{"empty":17},true,{"error":"#N/A"},{"empty":8},{"formula":""}]}`,
  );
  const back = cellsOf(JSON.parse(line));
  expect(columns.map((column) => back[column])).toEqual(cells);
  expect(back.filter((cell) => cell !== undefined)).toHaveLength(5);
});
