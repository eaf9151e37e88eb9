/** The promise: a wrong workbook is refused with its fault. No workbook costs much memory, hangs, or is read only in part. */
import { SharedTexts } from "../../../../formats/xlsx/texts.ts";
import { relation, relationsOf, sheetXml, tableOf, workbookOf, zipOf } from "../../../helpers/workbook.ts";
import { refusal, rowsOf } from "./workbook.kit.ts";

const plain = { sheets: { Orders: tableOf([["id"], ["A1"]]), "Second one": tableOf([["id"]]) } };
const withSheet = (xml: string | Uint8Array) => workbookOf({ ...plain, parts: { "xl/worksheets/sheet1.xml": xml } });
const withData = (data: string) => withSheet(sheetXml(data));
const malformed = (detail: RegExp | string, more = {}) => ({
  code: "malformed-body",
  detail: expect.stringMatching(detail),
  ...more,
});

test("the sheet is chosen by its name in any case, else by its number; if it is missing, the error lists all names", async () => {
  const book = workbookOf(plain);
  expect(await rowsOf(book, { sheetName: "Second one", sheetNumber: 7 })).toHaveLength(1);
  expect(await rowsOf(book, { sheetName: "SECOND ONE" })).toHaveLength(1);
  expect(await rowsOf(book, { sheetNumber: 2 })).toHaveLength(1);
  const sheets = ["Orders", "Second one"];
  expect(await refusal(book, { sheetName: "Third" })).toEqual(
    malformed(/no sheet "Third"; its sheets are "Orders", "Second one"/, { sheets }),
  );
  expect(await refusal(book, { sheetNumber: 3 })).toEqual(malformed(/no sheet number 3/, { sheets }));
  const chart = relationsOf([
    relation("rId1", "chartsheet", "chartsheets/sheet1.xml"),
    relation("rId2", "worksheet", "worksheets/sheet2.xml"),
  ]);
  expect(await refusal(workbookOf({ ...plain, parts: { "xl/_rels/workbook.xml.rels": chart } }))).toEqual(
    malformed(/"Orders" is no worksheet/, { sheets }),
  );
});

test.each([
  ["a DTD", `<!DOCTYPE worksheet><worksheet/>`, /has a DTD/],
  [
    "entities that grow",
    `<!DOCTYPE w [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><worksheet>&b;</worksheet>`,
    /has a DTD/,
  ],
  [
    "an unknown entity",
    `<worksheet><sheetData><row><c t="str"><v>&b;</v></c></row></sheetData></worksheet>`,
    /no well-formed XML/,
  ],
  ["an element that never ends", `<worksheet><sheetData><row>`, /no well-formed XML/],
  ["deep nesting", `<worksheet>${"<a>".repeat(100)}${"</a>".repeat(100)}</worksheet>`, /deeper than 64 levels/],
  ["an encoding of its own", `<?xml version="1.0" encoding="ISO-8859-1"?><worksheet/>`, /is not UTF-8 or UTF-16/],
  ["bytes that are no UTF-8", Buffer.from(`<worksheet>\xe9</worksheet>`, "latin1"), /bytes that UTF-8 does not have/],
  ["a text without end", `<worksheet>${"x".repeat(5 * 1024 * 1024)}</worksheet>`, /a tag or text of more than/],
  ["another root", `<chartsheet/>`, /has no worksheet/],
  ["nothing", "", /no well-formed XML/],
])("a sheet with %s", async (_, xml, detail) => {
  expect(await refusal(withSheet(xml))).toEqual(malformed(detail));
});

test.each([
  ["a column beyond XFD", `<row r="1"><c r="XFE1"><v>1</v></c></row>`, /beyond 16384 columns/],
  [
    "a cell without a right name",
    `<row r="1"><c r="17"><v>1</v></c></row>`,
    /beyond 16384 columns, or without a right name/,
  ],
  ["a cell of another row", `<row r="2"><c r="A7"><v>1</v></c></row>`, /without a right name, in row 2/],
  ["letters behind a cell's name", `<row r="2"><c r="A2B"><v>1</v></c></row>`, /without a right name, in row 2/],
  ["a cell with two values", `<row r="2"><c r="A2"><v>1</v><v>2</v></c></row>`, /two values in row 2/],
  ["a cell that comes twice", `<row r="1"><c r="B1"><v>1</v></c><c r="B1"><v>2</v></c></row>`, /cell B1 twice/],
  ["a row that comes twice", `<row r="2"/><row r="2"/>`, /row 2 behind row 2/],
  ["a row beyond the last", `<row r="1048577"/>`, /row with the number "1048577"/],
  ["a row with a wrong number", `<row r="x"/>`, /row with the number "x"/],
  ["a shared string that is not there", `<row><c t="s"><v>5</v></c></row>`, /lacks the shared string 5/],
  ["a cell of an unknown type", `<row><c t="q"><v>5</v></c></row>`, /unknown type "q"/],
])("%s", async (_, data, detail) => {
  expect(await refusal(withData(data))).toEqual(malformed(detail));
});

test.each([
  ["that is none", `<mergeCell ref="B2:A1"/>`, /merged area "B2:A1", which is none/],
  ["beyond the sheet", `<mergeCell ref="A1:XFE2"/>`, /merged area "A1:XFE2", which is none/],
  ["too many of all columns", `<mergeCell ref="A1:XFD1"/>`.repeat(1_000), /too many merged areas/],
])("a merged area %s", async (_, areas, detail) => {
  expect(await refusal(withSheet(sheetXml("", `<mergeCells>${areas}</mergeCells>`)))).toEqual(malformed(detail));
});

test("archives that are cut off, are no zip or no workbook, or are binary or encrypted, are refused", async () => {
  const book = workbookOf(plain);
  expect(await refusal(book.subarray(0, book.length - 30))).toEqual(malformed(/no whole zip archive/));
  expect(await refusal(Buffer.from("id,name\n1,a\n"))).toEqual(malformed(/no whole zip archive/));
  expect(await refusal(zipOf({ "a.txt": "a" }))).toEqual(malformed(/zip archive/, { found: "zip", offset: 0 }));
  expect(
    await refusal(
      zipOf({
        "_rels/.rels": relationsOf([relation("a", "officeDocument", "xl/workbook.bin")]),
        "xl/workbook.bin": "x",
      }),
    ),
  ).toEqual(malformed(/binary/, { found: "xls", offset: 0 }));
  const encrypted = Buffer.from(book);
  for (
    let at = encrypted.indexOf("PK\x01\x02", 0, "latin1");
    at >= 0;
    at = encrypted.indexOf("PK\x01\x02", at + 1, "latin1")
  )
    encrypted.writeUInt16LE(1, at + 8);
  expect(await refusal(encrypted)).toEqual(malformed(/encrypted/, { found: "xls", offset: 0 }));
  expect(await refusal(workbookOf({ ...plain, parts: { "xl/worksheets/sheet1.xml": null } }))).toEqual(
    malformed(/lacks the part "xl\/worksheets\/sheet1.xml"/),
  );
  expect(await refusal(workbookOf({ ...plain, parts: { "XL/worksheets/sheet1.xml": "" } }))).toEqual(
    malformed(/sheet1.xml" twice/),
  );
});

/** The position of a part's entry in the directory of the archive. */
function entryOf(book: Buffer, name: string): number {
  for (let at = 0; ; ) {
    at = book.indexOf("PK\x01\x02", at + 1, "latin1");
    if (at < 0) throw new Error(`No ${name}.`);
    if (book.toString("latin1", at + 46, at + 46 + book.readUInt16LE(at + 28)) === name) return at;
  }
}
const SHEET = "xl/worksheets/sheet1.xml";

test.each([
  ["a checksum", (book: Buffer, at: number) => book.writeUInt32LE(1, at + 16), /is not what the directory says/],
  ["a smaller size", (book: Buffer, at: number) => book.writeUInt32LE(10, at + 24), /is not what the directory says/],
  [
    "a larger size",
    (book: Buffer, at: number) => book.writeUInt32LE(10_000, at + 24),
    /is not what the directory says/,
  ],
  ["a place that is none", (book: Buffer, at: number) => book.writeUInt32LE(7, at + 42), /broken or cut off/],
  ["an unknown way of packing", (book: Buffer, at: number) => book.writeUInt16LE(12, at + 10), /unknown way/],
  ["fewer packed bytes", (book: Buffer, at: number) => book.writeUInt32LE(20, at + 20), /broken or cut off/],
])("a directory that is wrong about %s", async (_, spoil, detail) => {
  const book = Buffer.from(workbookOf(plain));
  spoil(book, entryOf(book, SHEET));
  expect(await refusal(book)).toEqual(malformed(detail));
});

test("parts that are larger than a body may be, together or by what they really hold, are refused", async () => {
  const limit = 1024 * 1024;
  const large = workbookOf({ ...plain, parts: { "xl/media/image.png": new Uint8Array(limit) } });
  expect(await refusal(large, { maxBytes: limit })).toEqual({
    code: "payload-too-large",
    detail: expect.stringMatching(/when it is unpacked/),
    limit,
  });
  // A bomb: 66 MiB of blanks in a few KiB.
  const bomb = withSheet(sheetXml(`${" ".repeat(1024 * 1024)}<row/>`.repeat(66)));
  expect(await refusal(bomb)).toEqual(expect.objectContaining({ code: "payload-too-large", limit: 200 }));
  // The same bomb with a directory that claims a smaller size.
  bomb.writeUInt32LE(1000, entryOf(bomb, SHEET) + 24);
  expect(await refusal(bomb)).toEqual(malformed(/is not what the directory says/));
});

test("shared strings have at most 64 MiB", () => {
  const texts = new SharedTexts();
  const add = (text: string) => {
    texts.open("t", {});
    texts.text(text);
    texts.close("t");
    texts.close("si");
  };
  for (let i = 0; i < 32; i++) add("x".repeat(2 * 1024 * 1024));
  expect(() => add("x")).toThrow(expect.objectContaining({ type: "payload-too-large" }));
});

test("parts outside of the workbook are never fetched; links of cells do not matter", async () => {
  const outside = relationsOf([relation("rId1", "worksheet", "http://localhost/x.xml", ` TargetMode="External"`)]);
  expect(await refusal(workbookOf({ ...plain, parts: { "xl/_rels/workbook.xml.rels": outside } }))).toEqual(
    malformed(/outside of it/),
  );
  const link = relationsOf([relation("rId1", "hyperlink", "https://example.com", ` TargetMode="External"`)]);
  expect(await rowsOf(workbookOf({ ...plain, parts: { "xl/worksheets/_rels/sheet1.xml.rels": link } }))).toHaveLength(
    2,
  );
});
