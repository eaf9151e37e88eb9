/** Makes a workbook template that can be imported as it is: the header and one example row, on the sheet of the policy's `read`. */
import { type PartialRead, wholeRead } from "../read/read.ts";
import { contentTypes, escaped, relations, SHEET_END, SHEET_START, workbookXml } from "../xlsx/markup.ts";
import { columnName } from "../xlsx/references.ts";
import { type Column, columnsOf } from "./csv.ts";
import { storedZip } from "./zip.ts";

/** The most characters of a sheet's name in Excel, and characters that it cannot have. */
const LONGEST_NAME = 31;
const NEVER_IN_NAME = /[\\/?*[\]:]/g;

export function xlsxTemplate(schema: object, partial: PartialRead | null): Buffer {
  const read = wholeRead(partial);
  const { header, headerRows, sheetName, sheetNumber } = read.dialect;
  const columns = columnsOf(schema, read);
  const [first = 1, ...others] = headerRows ?? [1];
  const last = header ? Math.max(first, ...others) : 0;
  const names = header
    ? rowOf(
        first,
        columns.map(({ name }) => name),
      )
    : "";
  const data = names + rowOf(last + 1, columns.map(typedOf));
  // If `read` names the sheet by its number, empty sheets come before it.
  const before = sheetName === null ? sheetNumber - 1 : 0;
  const sheets = [...Array.from({ length: before }, (_, i) => `Sheet${i + 1}`), sheetName ?? `Sheet${sheetNumber}`];
  const parts = sheets.map((_, i) => `xl/worksheets/sheet${i + 1}.xml`);
  return storedZip({
    "[Content_Types].xml": contentTypes(parts.map((part) => [part, "worksheet"])),
    "_rels/.rels": relations([["officeDocument", "xl/workbook.xml"]]),
    "xl/workbook.xml": workbookXml(sheets.map(named)),
    "xl/_rels/workbook.xml.rels": relations(parts.map((part) => ["worksheet", part.slice(3)])),
    ...Object.fromEntries(parts.map((part, i) => [part, sheet(i === before ? data : "")])),
  });
}

/** Numbers and booleans keep their type. A value that the policy reads from a text stays a text. */
const typedOf = ({ value, cell }: Column): string | number | boolean =>
  typeof value === "number" || typeof value === "boolean" ? value : cell;

const named = (name: string): string => name.replace(NEVER_IN_NAME, " ").slice(0, LONGEST_NAME);

const sheet = (data: string): string => SHEET_START + data + SHEET_END;

const rowOf = (number: number, cells: (string | number | boolean)[]): string =>
  `<row r="${number}">${cells.map((cell, i) => cellOf(`${columnName(i)}${number}`, cell)).join("")}</row>`;

function cellOf(name: string, cell: string | number | boolean): string {
  if (cell === "") return "";
  if (typeof cell === "number") return `<c r="${name}"><v>${cell}</v></c>`;
  if (typeof cell === "boolean") return `<c r="${name}" t="b"><v>${Number(cell)}</v></c>`;
  return `<c r="${name}" t="inlineStr"><is><t xml:space="preserve">${escaped(cell)}</t></is></c>`;
}
