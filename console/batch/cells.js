/** Cuts a record, as it was sent, into cells, so that the wrong one can be marked. The text of the cells is unchanged. */

/** @import { Layout } from "../types.d.ts" */

/** @typedef {{ name: string, text: string }} Cell */

/**
 * @param {string} raw
 * @param {Layout | undefined} layout of formats with columns
 * @returns {Cell[] | null} null: the record cannot be cut into cells
 */
export function cellsOf(raw, layout) {
  if (raw.startsWith("{")) return layout && isSheetRow(raw) ? sheetCells(raw, layout) : membersOf(raw);
  if (!layout?.delimiter) return null;
  const texts = csvCells(raw, layout.delimiter, layout.quote ?? '"');
  const names = texts.length > layout.columns.length ? [...layout.columns, ...extra(texts, layout)] : layout.columns;
  return names.map((name, index) => ({ name, text: texts[index] ?? "" }));
}

/** @param {string[]} texts @param {Layout} layout */
const extra = (texts, { columns }) => texts.slice(columns.length).map((_, index) => `+${index + 1}`);

/**
 * One row of CSV. Doubled quotes become one.
 * @param {string} raw
 * @param {string} delimiter
 * @param {string} quote
 */
function csvCells(raw, delimiter, quote) {
  const cells = [];
  let cell = "";
  let isQuoted = false;
  for (let at = 0; at < raw.length; at++) {
    const letter = raw[at];
    if (isQuoted && letter === quote && raw[at + 1] === quote) cell += raw[++at];
    else if (letter === quote && (isQuoted || cell === "")) isQuoted = !isQuoted;
    else if (letter === delimiter && !isQuoted) {
      cells.push(cell);
      cell = "";
    } else cell += letter;
  }
  return [...cells, cell.replace(/\r?\n$/, "")];
}

/** @param {string} raw */
const isSheetRow = (raw) => /^\{"row":\d+,"cells":\[/.test(raw) || raw.startsWith('{"cells":[');

/** @param {string} raw @param {Layout} layout */
function sheetCells(raw, { columns }) {
  const kept = parsed(raw)?.cells;
  if (!Array.isArray(kept)) return null;
  const texts = kept.flatMap((cell) =>
    typeof cell === "object" && cell !== null && typeof cell.empty === "number"
      ? Array(cell.empty).fill("")
      : [textOf(cell)],
  );
  return columns.map((name, index) => ({ name, text: texts[index] ?? "" }));
}

/** @param {any} cell */
const textOf = (cell) =>
  cell === null ? "" : typeof cell === "object" ? String(Object.values(cell)[0] ?? "") : String(cell);

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * The members of a JSON object, each with its own text: a number keeps all its digits.
 * @param {string} raw
 * @returns {Cell[] | null}
 */
function membersOf(raw) {
  if (parsed(raw) === null) return null;
  const cells = [];
  let depth = 0;
  let begin = 1;
  let colon = -1;
  for (let at = 0; at < raw.length; at++) {
    const letter = raw[at];
    if (letter === '"') at = endOfString(raw, at);
    else if (letter === "{" || letter === "[") depth++;
    else if (letter === ":" && depth === 1 && colon < 0) colon = at;
    else if ((letter === "," && depth === 1) || (letter === "}" && depth === 1)) {
      if (colon > 0) cells.push({ name: parsed(raw.slice(begin, colon)), text: raw.slice(colon + 1, at).trim() });
      begin = at + 1;
      colon = -1;
      if (letter === "}") depth--;
    } else if (letter === "}" || letter === "]") depth--;
  }
  return cells;
}

/** @param {string} raw @param {number} from the quote that begins it */
function endOfString(raw, from) {
  for (let at = from + 1; at < raw.length; at++) {
    if (raw[at] === "\\") at++;
    else if (raw[at] === '"') return at;
  }
  return raw.length;
}

/**
 * The name of the cell that an error is about: the file's column, or the first step of its path.
 * @param {{ field: string, column?: string | undefined }} error
 */
export const cellOf = ({ field, column }) => column ?? field.split(/[.[]/, 1)[0] ?? "";
