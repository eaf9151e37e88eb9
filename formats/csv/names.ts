/** The names of columns: cleaned of invisible characters, compared without regard to case, and checked as a header. */
import { Problem } from "../../lib/errors.ts";

const ASCII = /^[\0-\x7f]*$/;
/** Characters that are removed everywhere in a name. */
const INVISIBLE = /[\u200b\u2060\ufeff]/g;
/** Characters that are removed at both ends of a name: white space, NBSP, joiners and direction marks. */
const AROUND = /[\s\u180e\u200c-\u200f\u202a-\u202e\u2066-\u2069]/;

export const cleanName = (name: string): string =>
  without(name.replace(INVISIBLE, ""), (letter) => AROUND.test(letter)).normalize("NFC");

/** The text without the characters at its ends for which `isAround` is true. A regular expression would take quadratic time. */
export function without(text: string, isAround: (letter: string) => boolean): string {
  let from = 0;
  let to = text.length;
  while (from < to && isAround(text.charAt(from))) from++;
  while (to > from && isAround(text.charAt(to - 1))) to--;
  return text.slice(from, to);
}

/** The name, cleaned and case-folded. Names with the same result name the same field. */
export const foldedName = (name: string): string => foldedText(cleanName(name));

/** The text, case-folded. Texts that differ only in case have the same result. Invisible characters are part of it. */
export const foldedText = (text: string): string =>
  ASCII.test(text) ? text.toLowerCase() : [...text.normalize("NFC")].map(foldedLetter).join("");

/** The one letter whose upper case (I) has another lower case (i). It stays as it is. */
const DOTLESS_I = "\u0131";

/** Unicode's simple case folding: one letter becomes one letter, so ß does not become ss. */
function foldedLetter(letter: string): string {
  if (letter === DOTLESS_I) return letter;
  const upper = letter.toUpperCase();
  const lower = (isOneLetter(upper) ? upper : letter).toLowerCase();
  return isOneLetter(lower) ? lower : letter;
}

const isOneLetter = (text: string): boolean => text.length === 1 || [...text].length === 1;

/** The names of a header with several rows: the cells of each column, joined by a blank. */
export function joinedRows(rows: readonly string[][]): string[] {
  const width = Math.max(...rows.map((row) => row.length));
  return Array.from({ length: width }, (_, i) =>
    rows
      .map((row) => (row[i] ?? "").trim())
      .filter((cell) => cell !== "")
      .join(" "),
  );
}

const LONGEST_NAME = 1000;

/** The error for a wrong header. `line`: the line of the header. */
export const malformedHeader = (detail: string, line: number, column?: number): Problem =>
  new Problem("malformed-body", detail, { line, ...(column && { column }) });

/** Checks the names of a header, which are cleaned already. `nameless`: how many columns without a name follow. Throws malformed-body. */
export function headerOf(found: readonly string[], mostColumns: number, line: number) {
  const named = found.findLastIndex((name) => name !== "") + 1;
  const header = found.slice(0, named);
  const malformed = (detail: string, column?: number) => malformedHeader(detail, line, column);
  if (found.length > mostColumns) throw malformed(`The header has more than ${mostColumns} columns.`);
  const unnamed = header.indexOf("");
  if (unnamed >= 0) throw malformed(`Column ${unnamed + 1} of the header has no name.`, unnamed + 1);
  if (named === 0) throw malformed("The header names no column.", 1);
  const long = header.findIndex((name) => name.length > LONGEST_NAME);
  if (long >= 0) throw malformed(`The name of column ${long + 1} is longer than ${LONGEST_NAME} characters.`, long + 1);
  const seen = new Set<string>();
  const twice = header.findIndex((name) => seen.size === seen.add(name).size);
  if (twice >= 0) throw malformed(`The header names the column "${header[twice]?.slice(0, 100)}" twice.`, twice + 1);
  return { header, nameless: found.length - named };
}
