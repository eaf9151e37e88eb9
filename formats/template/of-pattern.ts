/**
 * Makes a text that a pattern accepts. It reads the pattern from left to right, takes the first letter of each class and the least of each
 * count, and asks RE2 whether the text fits. Where it does not, as with a word boundary in a wrong place, there is no text.
 */
import { RE2JS } from "re2js";

/** Longer patterns are not read, and longer texts not made: a person is to read the example. */
const LONGEST_PATTERN = 500;
const LONGEST_TEXT = 500;

const TOKEN =
  /\\[pP](?:\{[^}]*\}|.)|\\x(?:\{[\da-fA-F]+\}|[\da-fA-F]{2})|\\.|\(\?P?<\w+>|\(\?[a-zA-Z-]*[:)]|\[\^?\]?(?:\\[pP]\{[^}]*\}|\\.|[^\]\\])*\]|\{(\d+)(,?)(\d*)\}|./gsu;
const NOTHING = /^(?:\^|\$|\\[AzbB]|\(\?[a-zA-Z-]*\))$/;
/** A class gives the first of these letters that it contains. No blanks: they would be cut off at the end of a cell. */
const LETTERS = [..."Aa1", ...printable(), ..." éßαЖ中"];

function printable(): string[] {
  return Array.from({ length: 94 }, (_, i) => String.fromCodePoint(33 + i));
}

/** Which text is made: each count is its minimum plus `more`; `alternative` chooses among `a|b|c`. */
interface Taste {
  more: number;
  alternative: number;
}
type Part = (taste: Taste) => string;

/** A text of the pattern that `fits`, with at least this many letters. Undefined: none was found. */
export function textOf(source: string, least: number, fits: (text: string) => boolean): string | undefined {
  const part = source.length <= LONGEST_PATTERN ? read(source) : null;
  const texts = new Set<string>();
  for (const more of [0, 1, least])
    for (const alternative of [0, 1, 2]) {
      const text = part && made(part, { more, alternative });
      if (text !== null) for (const one of [text, text.padEnd(least, "x"), text.padStart(least, "x")]) texts.add(one);
    }
  return [...texts].find(fits);
}

/** The text of a part. Null: it would be too long, or no letter is known for a class. */
function made(part: Part, taste: Taste): string | null {
  try {
    return part(taste);
  } catch {
    return null;
  }
}

/** Whether RE2 finds the pattern in a text. The schema with the pattern was taken, so it is one of RE2. */
export function accepting(source: string): (text: string) => boolean {
  const pattern = RE2JS.compile(RE2JS.translateRegExp(source));
  return (text) => pattern.test(text);
}

/** Reads a pattern. Null: it contains something that is not supported here. */
function read(source: string): Part | null {
  try {
    const tokens = [...RE2JS.translateRegExp(source).matchAll(TOKEN)];
    const reader = { tokens, at: 0 };
    const part = alternatives(reader);
    return reader.at === tokens.length ? part : null;
  } catch {
    return null;
  }
}

interface Reader {
  tokens: RegExpExecArray[];
  at: number;
}

const isAt = ({ tokens, at }: Reader, ...wanted: string[]): boolean => wanted.includes(tokens[at]?.[0] ?? "");

function alternatives(reader: Reader): Part {
  const found = [sequence(reader)];
  while (isAt(reader, "|")) {
    reader.at++;
    found.push(sequence(reader));
  }
  return (taste) => (found[taste.alternative] ?? (found.at(-1) as Part))(taste);
}

function sequence(reader: Reader): Part {
  const parts: Part[] = [];
  while (reader.at < reader.tokens.length && !isAt(reader, "|", ")")) parts.push(repeated(atom(reader), reader));
  return (taste) => parts.map((part) => part(taste)).join("");
}

function atom(reader: Reader): Part {
  const [token] = reader.tokens[reader.at++] as RegExpExecArray;
  if (NOTHING.test(token)) return () => "";
  if (token.startsWith("(")) {
    const inside = alternatives(reader);
    if (!isAt(reader, ")")) throw new Error("a group has no end");
    reader.at++;
    return inside;
  }
  let letter: string | undefined;
  return () => {
    letter ??= letterOf(token);
    return letter;
  };
}

/** Throws where the token is no letter and no class with a letter that we know. */
function letterOf(token: string): string {
  if (/^(?:[^\\[.]|\\\W)$/su.test(token)) return [...token].at(-1) as string;
  // The class in the syntax of V8's RegExp. V8 only tests one letter at a time, which is cheap. RE2 checks the whole text at the end.
  const source = token
    .replaceAll("\\x{", "\\u{")
    .replaceAll(/\\([pP])([A-Z])/g, "\\$1{$2}")
    .replaceAll(/\\([^\w\s\\\]^[-])/g, "$1");
  const isOne = new RegExp(`^${source}$`, "u");
  const letter = [...LETTERS, ...token].find((one) => isOne.test(one));
  if (letter === undefined) throw new Error("no letter is known");
  return letter;
}

function repeated(part: Part, reader: Reader): Part {
  const [token = "", digits, comma, most] = reader.tokens[reader.at] ?? [];
  const isCount = digits !== undefined;
  if (!isCount && !["*", "+", "?"].includes(token)) return part;
  reader.at++;
  // A lazy count (`+?`) accepts the same texts as a greedy one.
  if (isAt(reader, "?")) reader.at++;
  const min = isCount ? Number(digits) : Number(token === "+");
  const max = isCount ? maxOf(min, comma, most) : token === "?" ? 1 : Number.POSITIVE_INFINITY;
  return (taste) => {
    const times = Math.min(max, min + taste.more);
    if (times === 0) return "";
    const one = part(taste);
    if (one.length * times > LONGEST_TEXT) throw new RangeError("the text is too long");
    return one.repeat(times);
  };
}

function maxOf(min: number, comma: string | undefined, most: string | undefined): number {
  if (!comma) return min;
  return most ? Number(most) : Number.POSITIVE_INFINITY;
}
