/** Reads CSV as `GET /imports/{id}/rejected` writes it. */

/**
 * All rows of a text. Doubled quotes become one; a row may have line breaks in quotes.
 * @param {string} text
 * @param {string} delimiter
 * @param {string} quote empty: none is used
 * @returns {string[][]}
 */
export function csvRows(text, delimiter, quote) {
  /** @type {string[][]} */
  const rows = [];
  let row = /** @type {string[]} */ ([]);
  let cell = "";
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const letter = text[at];
    if (isQuoted && letter === quote && text[at + 1] === quote) cell += text[++at];
    else if (letter === quote && (isQuoted || cell === "")) isQuoted = !isQuoted;
    else if (isQuoted) cell += letter;
    else if (letter === delimiter) {
      row.push(cell);
      cell = "";
    } else if (letter === "\n") {
      rows.push([...row, cell.replace(/\r$/, "")]);
      row = [];
      cell = "";
    } else cell += letter;
  }
  if (cell !== "" || row.length > 0) rows.push([...row, cell]);
  return rows;
}

/**
 * The delimiter of a file of rejected records: the text between its first two column names.
 * @param {string} text
 */
export const delimiterOf = (text) => /^\W?_record\W?(.)\W?_errors/.exec(text)?.[1] ?? ",";
