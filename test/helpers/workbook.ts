/**
 * Workbooks for tests, as zip archives of hand-written parts. They show what libraries write, and what only unusual programs
 * write.
 */
import { strToU8, zipSync } from "fflate";

export const MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE = "http://schemas.openxmlformats.org/package/2006";
const TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml";
const DECLARATION = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n`;

export interface WorkbookParts {
  /** The XML within `sheetData` of each sheet, by its name, in order. */
  sheets: Record<string, string>;
  /** The `si` element of each shared string. */
  shared?: string[];
  /** The number format of each style: the number of a built-in one, or a format code. */
  styles?: (number | string)[];
  is1904?: boolean;
  /** Parts that are added or that replace the usual ones. Null leaves a part out. */
  parts?: Record<string, string | Uint8Array | null>;
}

/** A row as XML with inline strings. A text becomes a text cell, a number a numeric cell. */
export const rowOf = (number: number, cells: (string | number | null)[]): string =>
  `<row r="${number}">${cells.map((cell, i) => cellOf(`${String.fromCharCode(65 + i)}${number}`, cell)).join("")}</row>`;

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

function cellOf(name: string, cell: string | number | null): string {
  if (cell === null) return "";
  return typeof cell === "number"
    ? `<c r="${name}"><v>${cell}</v></c>`
    : `<c r="${name}" t="inlineStr"><is><t xml:space="preserve">${escaped(cell)}</t></is></c>`;
}

export const tableOf = (rows: (string | number | null)[][]): string =>
  rows.map((cells, i) => rowOf(i + 1, cells)).join("");

function stylesOf(styles: readonly (number | string)[]): string {
  const custom = styles.map((style, i) =>
    typeof style === "string"
      ? `<numFmt numFmtId="${164 + i}" formatCode="${escaped(style).replaceAll('"', "&quot;")}"/>`
      : "",
  );
  const formats = styles.map((style, i) => `<xf numFmtId="${typeof style === "string" ? 164 + i : style}"/>`);
  return `<styleSheet xmlns="${MAIN}"><numFmts>${custom.join("")}</numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs>${formats.join("")}</cellXfs></styleSheet>`;
}

/** The bytes of an .xlsx file. */
export function workbookOf({ sheets, shared, styles, is1904, parts = {} }: WorkbookParts): Buffer {
  const names = Object.keys(sheets);
  const relations = names.map((_, i) => relation(`rId${i + 1}`, "worksheet", `worksheets/sheet${i + 1}.xml`));
  if (shared) relations.push(relation("rIdS", "sharedStrings", "sharedStrings.xml"));
  if (styles) relations.push(relation("rIdF", "styles", "styles.xml"));
  const all: Record<string, string | Uint8Array | null> = {
    "[Content_Types].xml": `${DECLARATION}<Types xmlns="${PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="${TYPE}.sheet.main+xml"/></Types>`,
    "_rels/.rels": relationsOf([relation("rId1", "officeDocument", "xl/workbook.xml")]),
    "xl/workbook.xml": `${DECLARATION}<workbook xmlns="${MAIN}" xmlns:r="${OFFICE}"><workbookPr${is1904 ? ` date1904="1"` : ""}/><sheets>${names.map((name, i) => `<sheet name="${escaped(name)}" sheetId="${i + 1}" r:id="rId${i + 1}"/>`).join("")}</sheets></workbook>`,
    "xl/_rels/workbook.xml.rels": relationsOf(relations),
    ...Object.fromEntries(
      names.map((name, i) => [`xl/worksheets/sheet${i + 1}.xml`, sheetXml(sheets[name] as string)]),
    ),
    ...(shared && { "xl/sharedStrings.xml": `${DECLARATION}<sst xmlns="${MAIN}">${shared.join("")}</sst>` }),
    ...(styles && { "xl/styles.xml": DECLARATION + stylesOf(styles) }),
    ...parts,
  };
  return zipOf(all);
}

/** The XML of a sheet. `behind`: XML that follows the rows. */
export const sheetXml = (data: string, behind = ""): string =>
  `${DECLARATION}<worksheet xmlns="${MAIN}"><dimension ref="A1"/><sheetData>${data}</sheetData>${behind}</worksheet>`;

export const relation = (id: string, type: string, target: string, more = ""): string =>
  `<Relationship Id="${id}" Type="${OFFICE}/${type}" Target="${target}"${more}/>`;

export const relationsOf = (relations: string[]): string =>
  `${DECLARATION}<Relationships xmlns="${PACKAGE}/relationships">${relations.join("")}</Relationships>`;

export function zipOf(parts: Record<string, string | Uint8Array | null>): Buffer {
  const files = Object.entries(parts).flatMap(([name, part]) =>
    part === null ? [] : [[name, typeof part === "string" ? strToU8(part) : part] as const],
  );
  return Buffer.from(zipSync(Object.fromEntries(files), { level: 1 }));
}
