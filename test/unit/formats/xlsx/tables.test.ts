/** The promise: any table, written as a workbook by a library or in an unusual way, is read as the same table. */
import fc from "fast-check";
import writeXlsxFile from "write-excel-file/node";
import type { Cell } from "../../../../formats/xlsx/sheet.ts";
import { rounds } from "../../../helpers/seeded.ts";
import { MAIN, relation, relationsOf, workbookOf } from "../../../helpers/workbook.ts";
import { rowsOf, shownRows } from "./workbook.kit.ts";

type Table = (Cell | null)[][];

const shown = (table: Table): string[][] =>
  table
    .map((cells, row) =>
      cells.flatMap((cell, column) => (cell === null ? [] : [`${column}/${row + 1} ${cell.kind} ${cell.text}`.trim()])),
    )
    .filter((row) => row.length > 0);

const letters = ["a", "Z", "0", "é", "東", "😀", " ", "\n", "\t", "\u00a0", "&", "<", ">", "]]>", '"', "'", "_", "="];
const textOf = (...more: string[]) =>
  fc.array(fc.constantFrom(...letters, ...more), { minLength: 1, maxLength: 6 }).map((parts) => parts.join(""));

const DAY_MS = 86_400_000;
/** Days after 29 February 1900, a day that exists only in Excel. */
const days = fc.integer({ min: 61, max: 2_958_465 });
const dayText = (day: number) => new Date((day - 25_569) * DAY_MS).toISOString().slice(0, 10);

const cellOf = (kind: Cell["kind"]) => (text: string) => ({ kind, text });
const truth = fc.boolean().map((is) => cellOf("boolean")(String(is)));
const day = days.map((number) => cellOf("date")(dayText(number)));
const tableOf = (cell: fc.Arbitrary<Cell>): fc.Arbitrary<Table> =>
  fc.array(fc.array(fc.option(cell), { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 5 });

/** The cell in the form that the library takes. */
function given({ kind, text }: Cell) {
  switch (kind) {
    case "number":
      return Number(text);
    case "boolean":
      return text === "true";
    case "date":
      return { value: new Date(`${text}T00:00:00Z`), format: "dd/mm/yyyy" };
    default:
      return text;
  }
}

test("by a library", async () => {
  const number = fc.double({ noDefaultInfinity: true, noNaN: true }).map((value) => cellOf("number")(String(value)));
  const cell = fc.oneof(textOf().map(cellOf("text")), number, truth, day);
  await fc.assert(
    fc.asyncProperty(tableOf(cell), async (table) => {
      const rows = table.map((row) => row.map((one) => (one === null ? null : given(one))));
      const bytes = await writeXlsxFile(rows).toBuffer();
      expect(shownRows(await rowsOf(bytes))).toEqual(shown(table));
    }),
    { numRuns: rounds(20) },
  );
});

/** The ways in which programs write workbooks. */
const ways = fc.record({
  prefix: fc.constantFrom("", "x:"),
  namespace: fc.constantFrom(MAIN, "http://purl.oclc.org/ooxml/spreadsheetml/main"),
  names: fc.constantFrom("all", "rows", "none"),
  isMixed: fc.boolean(),
  texts: fc.constantFrom("shared", "inline", "runs", "formula"),
  encoding: fc.constantFrom("utf8", "bom", "utf16le", "utf16be"),
  target: fc.constantFrom("worksheets/sheet1.xml", "/xl/worksheets/sheet1.xml", "xl\\worksheets\\sheet1.xml"),
});
type Way = typeof ways extends fc.Arbitrary<infer T> ? T : never;

const isSpaced = (text: string) => /^[ \t\r\n]|[ \t\r\n]$/.test(text);
const escaped = (text: string) =>
  text
    .replaceAll(/_(?=x[0-9a-fA-F]{4}_)/g, "_x005F_")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll("]]>", "]]&gt;")
    .replaceAll("\r", "_x000D_")
    .replaceAll("é", "&#233;");

const tOf = (text: string) => `<t${isSpaced(text) ? ` xml:space="preserve"` : ""}>${escaped(text)}</t>`;

function itemOf(text: string, { texts }: Way): string {
  if (texts !== "runs") return tOf(text);
  const parts = [...text];
  const middle = parts.length >> 1;
  const runs = [parts.slice(0, middle), parts.slice(middle)].map(
    (part) => `<r><rPr><b/></rPr>${tOf(part.join(""))}</r>`,
  );
  return `${runs.join("")}<rPh sb="0" eb="1"><t>hint</t></rPh><phoneticPr fontId="1"/>`;
}

const dayNumber = (text: string) => Date.parse(text) / DAY_MS + 25_569;

function written({ kind, text }: Cell, name: string, way: Way, shared: string[]): string {
  const c = (attributes: string, inner: string) => `<c${name}${attributes}>${inner}</c>`;
  switch (kind) {
    case "number":
      return c(` t="n"`, `<v>${text}</v>`);
    case "boolean":
      return c(` t="b"`, `<f>A1=B1</f><v>${text === "true" ? 1 : 0}</v>`);
    case "date":
      return c(` s="1"`, `<v>${dayNumber(text)}</v>`);
    case "error":
      return c(` t="e"`, `<f>1/0</f><v>${text}</v>`);
    case "formula":
      return c("", "<f>NOW()</f>");
    default:
  }
  if (way.texts === "formula") return c(` t="str"`, `<f>T(A1)</f><v>${escaped(text)}</v>`);
  if (way.texts === "inline") return c(` t="inlineStr"`, `<is>${itemOf(text, way)}</is>`);
  shared.push(`<si>${itemOf(text, way)}</si>`);
  return c(` t="s"`, `<v>${shared.length - 1}</v>`);
}

function sheetOf(table: Table, way: Way) {
  const shared: string[] = [];
  const rows = table.map((row, r) => {
    const cells = row.map((cell, i) => {
      const name = way.names === "all" ? ` r="${String.fromCharCode(65 + i)}${r + 1}"` : "";
      if (cell !== null) return written(cell, name, way, shared);
      return way.names === "all" && way.isMixed ? "" : `<c${name} s="1"/>`;
    });
    if (way.names === "all" && way.isMixed) cells.reverse();
    const number =
      way.names === "none" || (way.names === "all" && way.isMixed && row.some(Boolean)) ? "" : ` r="${r + 1}"`;
    return `<row${number} hidden="1">\n${cells.join("\n")}</row>`;
  });
  return { data: rows.join(""), shared };
}

/** A part in the namespace, prefix and encoding of the way. */
function partOf(name: string, inner: string, { prefix, namespace, encoding }: Way): Buffer {
  const xmlns = prefix === "" ? "xmlns" : "xmlns:x";
  const xml = `<${name} ${xmlns}="${namespace}" xmlns:o="urn:other">${inner}</${name}>`.replaceAll(
    /<(\/?)(?=[a-zA-Z])/g,
    `<$1${prefix}`,
  );
  if (encoding === "utf8") return Buffer.from(xml);
  if (encoding === "bom") return Buffer.from(`\ufeff<?xml version="1.0" encoding="UTF-8"?>${xml}`);
  const wide = Buffer.from(`\ufeff<?xml version="1.0" encoding="UTF-16"?>${xml}`, "utf16le");
  return encoding === "utf16le" ? wide : wide.swap16();
}

test("in the ways of other programs", async () => {
  const number = fc.constantFrom("10.50", "1E+2", "-0.1", "9007199254740993", "0.1000000000000000055", ".5", "007");
  const cell = fc.oneof(
    { weight: 3, arbitrary: textOf("\r", "_x0041_", "x0041_", "_x000D_").map(cellOf("text")) },
    { weight: 1, arbitrary: fc.oneof(number.map(cellOf("number")), truth, day) },
    { weight: 1, arbitrary: fc.constantFrom(cellOf("error")("#N/A"), cellOf("formula")("")) },
  );
  await fc.assert(
    fc.asyncProperty(tableOf(cell), ways, async (table, way) => {
      const { data, shared } = sheetOf(table, way);
      const styles = `<cellStyleXfs><xf numFmtId="0"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>`;
      const parts = {
        "xl/worksheets/sheet1.xml": partOf(
          "worksheet",
          `<cols><col min="1"/></cols><sheetData>${data}</sheetData>`,
          way,
        ),
        "xl/styles.xml": partOf("styleSheet", styles, way),
        "xl/sharedStrings.xml": partOf("sst", shared.join(""), way),
        "xl/_rels/workbook.xml.rels": relationsOf([
          relation("rId1", "worksheet", way.target),
          relation("a", "styles", "styles.xml"),
          relation("b", "sharedStrings", "sharedStrings.xml"),
        ]),
      };
      expect(shownRows(await rowsOf(workbookOf({ sheets: { One: "" }, parts })))).toEqual(shown(table));
    }),
    { numRuns: rounds(60) },
  );
});
