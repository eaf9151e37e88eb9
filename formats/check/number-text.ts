/**
 * Numbers as text, and which of them a double holds. It holds a number whose value it gives back when it is written:
 * 0.1 and 1e23, though no double is exactly either; not 9007199254740993, 0.10000000000000000001, 1e400 or 1e-400.
 */
import { compareDecimals, decimalOf } from "./decimal.ts";

/** A double holds every number with this many digits, unless it is huge or tiny. */
const SAFE_DIGITS = 15;
/** Doubles reach further, to 1e308; those that stand for other numbers (record-numbers.ts) are left to a second look. */
const HUGE = 1e270;
const TINY = 1e-270;
const ZERO = /^-?[0.]+(?:[eE]|$)/;

/** A number that is not zero, and that a double rounds to zero, has a longer text: 1e-400. */
const SAFE_ZERO = 5;

/** Whether a double holds the number, seen at once: it is short, and neither huge nor tiny. Most numbers are so. */
export function isPlain(text: string, value: number): boolean {
  if (value === 0) return text.length <= SAFE_ZERO;
  const size = Math.abs(value);
  return text.length <= SAFE_DIGITS && size > TINY && size < HUGE;
}

/** Whether a double holds the number of this JSON text; `value` is that double. */
export function isExact(text: string, value = Number(text)): boolean {
  if (isPlain(text, value)) return true;
  if (value === 0) return ZERO.test(text);
  const held = String(value);
  if (held === text) return true;
  return Number.isFinite(value) && compareDecimals(decimalOf(text), decimalOf(held)) === 0;
}

/**
 * A number as a handler gets it: where no double holds it, its digits as a text. Databases take decimals as texts and give
 * them so, and a text comes through every serializer as it is.
 */
export function deliveredNumber(source: string): number | string {
  const value = Number(source);
  return isExact(source, value) ? value : source;
}

declare global {
  interface JSON {
    /** Since V8 11.4; TypeScript does not know it yet. */
    rawJSON(source: string): object;
  }
}

/** A number that JSON.stringify writes with these digits. */
export const numberWithDigits = JSON.rawJSON;

/** An exponent of three digits. With a shorter one only a long run of digits makes a number that is not held. */
const LONG_EXPONENT = /\d[eE][+-]?\d{3}/g;
const LONG_RUN = SAFE_DIGITS + 1;

/**
 * Whether a JSON text, or several one after another, holds a number that a double does not hold. Says it now and then of
 * a string with such a number in it (`"a, 9007199254740993"`), and where more than `most` numbers had to be read to know.
 * Nearly all texts hold no long number at all; these cost a look at each sixteenth letter, and one search.
 */
export const holdsInexact = (text: string, most = Infinity): boolean =>
  hasInexactRun(text, most) || hasInexactExponent(text, most);

/** A run of 16 letters covers a place whose number divides by 16. */
function hasInexactRun(text: string, most: number): boolean {
  let runs = 0;
  for (let at = LONG_RUN - 1; at < text.length; at += LONG_RUN) {
    if (!isDigitOrPoint(text.charCodeAt(at))) continue;
    const start = runStart(text, at);
    while (isDigitOrPoint(text.charCodeAt(at))) at++;
    if (at - start >= LONG_RUN && (++runs > most || isInexactAt(text, start))) return true;
  }
  return false;
}

function hasInexactExponent(text: string, most: number): boolean {
  LONG_EXPONENT.lastIndex = 0;
  let exponents = 0;
  for (let found = LONG_EXPONENT.exec(text); found !== null; found = LONG_EXPONENT.exec(text)) {
    if (++exponents > most || isInexactAt(text, runStart(text, found.index))) return true;
  }
  return false;
}

function runStart(text: string, at: number): number {
  let start = at;
  while (isDigitOrPoint(text.charCodeAt(start - 1))) start--;
  return start;
}

const isDigitOrPoint = (code: number): boolean => code >= 46 && code <= 57 && code !== 47;

const TOKEN = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** What may stand before a number that is no part of a string. */
const BEFORE = new Set([undefined, " ", "\t", "\r", "\n", ":", ",", "["]);

/** Whether the digits that begin at `start` are those of a number which no double holds. */
function isInexactAt(text: string, start: number): boolean {
  const begin = text[start - 1] === "-" ? start - 1 : start;
  if (!BEFORE.has(text[begin - 1])) return false;
  TOKEN.lastIndex = begin;
  const token = TOKEN.exec(text)?.[0];
  return token !== undefined && !isExact(token);
}

const CELL = /^\s*([+-]?)0*(\d*)(\.\d*)?([eE][+-]?\d+)?\s*$/;

/** A number of CSV as JSON spells it: `+007.` is `7`, `.5` is `0.5`. Its other digits stay. */
export function jsonNumber(cell: string): string {
  const [, sign, whole, fraction = "", exponent = ""] = CELL.exec(cell) as RegExpExecArray;
  return `${sign === "-" ? "-" : ""}${whole || "0"}${fraction === "." ? "" : fraction}${exponent}`;
}
