/** Tells which number formats show a date or a time. A workbook stores both as numbers of days. */
import type { Attributes, XmlEvents } from "./xml.ts";

/** `either`: a date or a time, by the language of the program that wrote the file. */
export type DayKind = "date" | "time" | "date-time" | "duration" | "either";

const builtIn = new Map<number, DayKind>([
  ...[14, 15, 16, 17, 27, 28, 29, 30, 31, 36, 50, 51, 52, 53, 54, 57, 58].map((id) => [id, "date"] as const),
  ...[18, 19, 20, 21, 32, 33, 45, 47].map((id) => [id, "time"] as const),
  ...[34, 35, 55, 56].map((id) => [id, "either"] as const),
  [22, "date-time"],
  [46, "duration"],
  // Formats of the Thai language.
  ...[71, 72, 73, 74, 81].map((id) => [id, "date"] as const),
  ...[75, 76, 78, 80].map((id) => [id, "time"] as const),
  [77, "date-time"],
  [79, "duration"],
]);

/** Literal parts of a format: quoted text, an escaped letter, a blank as wide as a letter, a letter that fills the cell. */
const LITERAL = /"[^"]*"?|\\.|_.|\*./gs;
const ELAPSED = /\[(?:h+|m+|s+)\]/i;
const BRACKETS = /\[[^\]]*\]?/g;
const HALVES = /am\/pm|a\/p|上午\/下午|午前\/午後/gi;
/** A number in scientific notation; elsewhere `e` is a year. */
const EXPONENT = /[0#?.]e[+-]/i;
const SECONDS_PARTS = /(s+)[.,]0+/gi;

/** What a format shows. Null: a number. */
export function dayKindOf(code: string): DayKind | null {
  const first = firstSection(code.replace(LITERAL, ""));
  const isElapsed = ELAPSED.test(first);
  const plain = first
    .replace(BRACKETS, "")
    .replace(/general/gi, "")
    .replace(SECONDS_PARTS, "$1");
  if (EXPONENT.test(plain)) return null;
  if (isElapsed) return "duration";
  const hasHalves = HALVES.test(plain);
  HALVES.lastIndex = 0;
  const letters = plain
    .replace(HALVES, "")
    .replace(/[^ymdhseb]/gi, "")
    .toLowerCase();
  // Placeholders of digits: the letters are a unit that someone forgot to quote.
  if (/[0#?@]/.test(plain)) return null;
  const hasTime = hasHalves || /[hs]/.test(letters);
  const hasDate = /[ydeb]/.test(letters) || (hasTime ? /mmm/.test(letters) : letters.includes("m"));
  if (hasDate) return hasTime ? "date-time" : "date";
  return hasTime ? "time" : null;
}

const firstSection = (code: string): string => code.split(";")[0] ?? "";

/** The part `styles`: for each style of a cell, what its numbers are. */
export class Styles implements XmlEvents {
  readonly #codes = new Map<number, string>();
  readonly #formats: number[] = [];
  readonly #kinds: (DayKind | null | undefined)[] = [];
  #isOfCells = false;

  open(name: string, attributes: Attributes): void {
    if (name === "cellXfs") this.#isOfCells = true;
    else if (name === "numFmt") this.#codes.set(Number(attributes.numFmtId), attributes.formatCode ?? "");
    else if (name === "xf" && this.#isOfCells) this.#formats.push(Number(attributes.numFmtId ?? 0));
  }

  close(name: string): void {
    if (name === "cellXfs") this.#isOfCells = false;
  }

  /** Null: numbers. A file may give a number of the built-in formats a meaning of its own. */
  kindOf(style: number): DayKind | null {
    const known = this.#kinds[style];
    if (known !== undefined) return known;
    const id = this.#formats[style];
    if (id === undefined) return null;
    const code = this.#codes.get(id);
    const kind = code === undefined ? (builtIn.get(id) ?? null) : dayKindOf(code);
    this.#kinds[style] = kind;
    return kind;
  }
}
