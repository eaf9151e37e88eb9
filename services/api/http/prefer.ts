/** The `Prefer` header (RFC 7240), and `If-None-Match` (RFC 9110, 13.1.2). */
import { Problem } from "../../../lib/errors.ts";

/**
 * The longest wait. Longer waits are shortened, because proxies close a connection that is silent for much more than a
 * minute.
 */
export const MOST_WAIT_SECONDS = 60;

const TOKEN = /[!#$%&'*+.^_`|~\w-]+/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
const BLANKS = /[ \t]*/y;

const malformed = (detail: string) => new Problem("invalid-header", detail, { header: "Prefer" });

/**
 * Reads a header from left to right. One regular expression for the whole header would backtrack on a hostile header.
 * `Prefer` is older than structured fields, so a parser of structured fields cannot read it: it has names of any case,
 * and blanks around `=`.
 */
class Scanner {
  private at = 0;
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  get isAtEnd(): boolean {
    return this.at >= this.text.length;
  }

  /** What the expression matches at the scanner's place: its first group if it has one, else the whole match. */
  take(expression: RegExp): string | undefined {
    expression.lastIndex = this.at;
    const match = expression.exec(this.text);
    if (!match) return undefined;
    this.at = expression.lastIndex;
    return match[1] ?? match[0];
  }

  /** Reads this character at the scanner's place, with blanks around it. False if another character is there. */
  skip(letter: string): boolean {
    this.take(BLANKS);
    const isThere = this.text[this.at] === letter;
    if (isThere) this.at++;
    this.take(BLANKS);
    return isThere;
  }
}

/** Reads a name and its value, which may be empty. Undefined if there is no name at the scanner's place. */
function pair(scanner: Scanner): [name: string, value: string] | undefined {
  const name = scanner.take(TOKEN);
  if (name === undefined) return undefined;
  if (!scanner.skip("=")) return [name.toLowerCase(), ""];
  const value = scanner.take(QUOTED)?.replaceAll(/\\(.)/g, "$1") ?? scanner.take(TOKEN);
  if (value === undefined) throw malformed(`Prefer cannot be read after "${name}=".`);
  return [name.toLowerCase(), value];
}

/**
 * The preferences of a header, with names in lower case. Parameters are ignored. If a preference is repeated, the first
 * one counts.
 */
export function preferencesOf(header: string): Map<string, string> {
  const found = new Map<string, string>();
  const scanner = new Scanner(header);
  do {
    // Lists may have empty elements (RFC 9110, 5.6.1), also lists of parameters.
    while (scanner.skip(","));
    const [name, value] = pair(scanner) ?? [];
    if (name === undefined) break;
    if (!found.has(name)) found.set(name, value as string);
    while (scanner.skip(";")) pair(scanner);
  } while (scanner.skip(","));
  if (!scanner.isAtEnd) throw malformed("Prefer cannot be read.");
  if (found.size === 0) throw malformed("Prefer is empty.");
  return found;
}

/** The seconds N of `Prefer: wait=N`. Null if absent. Throws invalid-header, also if N is no whole number. */
export function waitOf(header: string | string[] | undefined): number | null {
  if (header === undefined) return null;
  const wait = preferencesOf(String(header)).get("wait");
  if (wait === undefined) return null;
  if (/^\d+$/.test(wait) && Number(wait) > 0) return Math.min(Number(wait), MOST_WAIT_SECONDS);
  throw malformed(`wait is a whole number of seconds from 1 to ${MOST_WAIT_SECONDS}, not "${wait}".`);
}

/**
 * Whether an `If-None-Match` names this tag. The comparison is weak, because a proxy that compresses an answer makes
 * its tag weak.
 */
export function isKnownTag(header: string, tag: string): boolean {
  if (header.trim() === "*") return true;
  return [...header.matchAll(/"[\x21\x23-\x7e\x80-\xff]*"/g)].some(([known]) => known === tag);
}
