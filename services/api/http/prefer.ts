/** What a request prefers (RFC 7240), and which state of a resource it has already (RFC 9110, 13.1.2). */
import { Problem } from "../../../lib/errors.ts";

/** Longer waits are cut: proxies take a connection for dead that is silent for much more than a minute. */
export const MOST_WAIT_SECONDS = 60;

const TOKEN = /[!#$%&'*+.^_`|~\w-]+/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
const BLANKS = /[ \t]*/y;

const malformed = (detail: string) => new Problem("invalid-header", detail, { header: "Prefer" });

/** Reads a header from left to right: one expression for it all would go back and forth over a hostile one. */
class Scanner {
  private at = 0;
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  get isAtEnd(): boolean {
    return this.at >= this.text.length;
  }

  /** What stands here, by an expression; its group where it has one. */
  take(expression: RegExp): string | undefined {
    expression.lastIndex = this.at;
    const match = expression.exec(this.text);
    if (!match) return undefined;
    this.at = expression.lastIndex;
    return match[1] ?? match[0];
  }

  /** Whether this letter stands here, blanks around it or not. */
  skip(letter: string): boolean {
    this.take(BLANKS);
    const isThere = this.text[this.at] === letter;
    if (isThere) this.at++;
    this.take(BLANKS);
    return isThere;
  }
}

/** A name, with a value or an empty text; undefined where no name stands. */
function pair(scanner: Scanner): [name: string, value: string] | undefined {
  const name = scanner.take(TOKEN);
  if (name === undefined) return undefined;
  if (!scanner.skip("=")) return [name.toLowerCase(), ""];
  const value = scanner.take(QUOTED)?.replaceAll(/\\(.)/g, "$1") ?? scanner.take(TOKEN);
  if (value === undefined) throw malformed(`Prefer cannot be read after "${name}=".`);
  return [name.toLowerCase(), value];
}

/** The preferences of a header, names in lower case; parameters are read and left. Of a repeated one the first counts. */
export function preferencesOf(header: string): Map<string, string> {
  const found = new Map<string, string>();
  const scanner = new Scanner(header);
  do {
    // A list may have empty elements (RFC 9110, 5.6.1), and so may a list of parameters.
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

/** `Prefer: wait=N` in seconds, null where it is not there. Throws invalid-header, also for what is no whole second. */
export function waitOf(header: string | string[] | undefined): number | null {
  if (header === undefined) return null;
  const wait = preferencesOf(String(header)).get("wait");
  if (wait === undefined) return null;
  if (/^\d+$/.test(wait) && Number(wait) > 0) return Math.min(Number(wait), MOST_WAIT_SECONDS);
  throw malformed(`wait is a whole number of seconds from 1 to ${MOST_WAIT_SECONDS}, not "${wait}".`);
}

/** Whether an `If-None-Match` names this tag. The comparison is the weak one: a proxy that compresses weakens our tags. */
export function isKnownTag(header: string, tag: string): boolean {
  if (header.trim() === "*") return true;
  return [...header.matchAll(/"[\x21\x23-\x7e\x80-\xff]*"/g)].some(([known]) => known === tag);
}
