/** The XML of a workbook's parts, as far as we write them. */

const MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE = "http://schemas.openxmlformats.org/package/2006";
const TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml";
const DECLARATION = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n`;

export const SHEET_START = `${DECLARATION}<worksheet xmlns="${MAIN}"><sheetData>`;
export const SHEET_END = "</sheetData></worksheet>";

/** The parts beside `xl/workbook.xml`, each with its kind. */
export const contentTypes = (parts: [path: string, kind: string][]): string =>
  `${DECLARATION}<Types xmlns="${PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="${TYPES}.sheet.main+xml"/>${parts.map(([part, kind]) => `<Override PartName="/${part}" ContentType="${TYPES}.${kind}+xml"/>`).join("")}</Types>`;

/** Its sheets have the relations `rId1` and so on. */
export const workbookXml = (sheets: string[]): string =>
  `${DECLARATION}<workbook xmlns="${MAIN}" xmlns:r="${OFFICE}"><sheets>${sheets.map((name, i) => `<sheet name="${escaped(name)}" sheetId="${i + 1}" r:id="rId${i + 1}"/>`).join("")}</sheets></workbook>`;

/** Formats of numbers that every program has: a date, a date with its time, a time. */
const NUMBER_FORMATS = [0, 14, 22, 21];

/** Styles: one for each of these formats, and the same again with a yellow ground. */
export const stylesXml = `${DECLARATION}<styleSheet xmlns="${MAIN}"><fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts><fills count="3"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill><fill><patternFill patternType="solid"><fgColor rgb="FFFFFF00"/><bgColor indexed="64"/></patternFill></fill></fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="8">${[0, 2].flatMap((fill) => NUMBER_FORMATS.map((format) => `<xf numFmtId="${format}" fontId="0" fillId="${fill}" borderId="0" xfId="0"${format === 0 ? "" : ' applyNumberFormat="1"'}${fill === 0 ? "" : ' applyFill="1"'}/>`)).join("")}</cellXfs></styleSheet>`;

export type CellStyle = "plain" | "date" | "date-time" | "time";
/** The number of a style. */
export const styleOf = (style: CellStyle, isMarked: boolean): number =>
  ["plain", "date", "date-time", "time"].indexOf(style) + (isMarked ? NUMBER_FORMATS.length : 0);

export const relations = (of: [type: string, target: string][]): string =>
  `${DECLARATION}<Relationships xmlns="${PACKAGE}/relationships">${of
    .map(([type, target], i) => `<Relationship Id="rId${i + 1}" Type="${OFFICE}/${type}" Target="${target}"/>`)
    .join("")}</Relationships>`;

const escapedChar = (char: string): string => `_x${char.charCodeAt(0).toString(16).padStart(4, "0").toUpperCase()}_`;

/** Writes characters that XML cannot have as `_x0001_`. A `_` that would begin such an escape is escaped too. */
export const escaped = (text: string): string =>
  text
    .replace(/_(?=x[0-9a-fA-F]{4}_)/g, "_x005F_")
    .replace(/(?![\t\n])[\p{Cc}\ufffe\uffff]/gu, escapedChar)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
