/** Makes a workbook template that can be imported as it is: the header and one example row, on the sheet of the policy's `read`. */
import { type PartialRead, wholeRead } from "../read/read.ts";
import { columnName } from "../xlsx/references.ts";
import { type Column, columnsOf } from "./csv.ts";
import { storedZip } from "./zip.ts";

const MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE = "http://schemas.openxmlformats.org/package/2006";
const TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml";
const DECLARATION = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n`;

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
    "[Content_Types].xml": `${DECLARATION}<Types xmlns="${PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="${TYPES}.sheet.main+xml"/>${parts.map((part) => `<Override PartName="/${part}" ContentType="${TYPES}.worksheet+xml"/>`).join("")}</Types>`,
    "_rels/.rels": relations([["officeDocument", "xl/workbook.xml"]]),
    "xl/workbook.xml": `${DECLARATION}<workbook xmlns="${MAIN}" xmlns:r="${OFFICE}"><sheets>${sheets.map((name, i) => `<sheet name="${escaped(named(name))}" sheetId="${i + 1}" r:id="rId${i + 1}"/>`).join("")}</sheets></workbook>`,
    "xl/_rels/workbook.xml.rels": relations(parts.map((part) => ["worksheet", part.slice(3)])),
    ...Object.fromEntries(parts.map((part, i) => [part, sheet(i === before ? data : "")])),
  });
}

/** Numbers and booleans keep their type. A value that the policy reads from a text stays a text. */
const typedOf = ({ value, cell }: Column): string | number | boolean =>
  typeof value === "number" || typeof value === "boolean" ? value : cell;

const named = (name: string): string => name.replace(NEVER_IN_NAME, " ").slice(0, LONGEST_NAME);

const relations = (of: [type: string, target: string][]): string =>
  `${DECLARATION}<Relationships xmlns="${PACKAGE}/relationships">${of
    .map(([type, target], i) => `<Relationship Id="rId${i + 1}" Type="${OFFICE}/${type}" Target="${target}"/>`)
    .join("")}</Relationships>`;

const sheet = (data: string): string =>
  `${DECLARATION}<worksheet xmlns="${MAIN}"><sheetData>${data}</sheetData></worksheet>`;

const rowOf = (number: number, cells: (string | number | boolean)[]): string =>
  `<row r="${number}">${cells.map((cell, i) => cellOf(`${columnName(i)}${number}`, cell)).join("")}</row>`;

function cellOf(name: string, cell: string | number | boolean): string {
  if (cell === "") return "";
  if (typeof cell === "number") return `<c r="${name}"><v>${cell}</v></c>`;
  if (typeof cell === "boolean") return `<c r="${name}" t="b"><v>${Number(cell)}</v></c>`;
  return `<c r="${name}" t="inlineStr"><is><t xml:space="preserve">${escaped(cell)}</t></is></c>`;
}

const escapedChar = (char: string): string => `_x${char.charCodeAt(0).toString(16).padStart(4, "0").toUpperCase()}_`;

/** Writes characters that XML cannot have as `_x0001_`. A `_` that would begin such an escape is escaped too. */
const escaped = (text: string): string =>
  text
    .replace(/_(?=x[0-9a-fA-F]{4}_)/g, "_x005F_")
    .replace(/(?![\t\n])[\p{Cc}\ufffe\uffff]/gu, escapedChar)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
