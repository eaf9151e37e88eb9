/** JSON with the numbers that a double does not hold. */
import { holdsInexact, isExact, numberWithDigits } from "./number-text.ts";
import { isStandIn } from "./record-numbers.ts";
import { pointerStep } from "./schema-walk.ts";

const QUOTE = 34;
const BACKSLASH = 92;
const MINUS = 45;
const NUMBER = /[-+.\deE]+/y;

/** A JSON text, known to be one, with `make` of its text in the place of each number that no double holds. */
export function replaceInexact(json: string, make: (source: string) => string): string {
  const pieces: string[] = [];
  let done = 0;
  for (let at = 0; at < json.length; ) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) at = stringEnd(json, at);
    else if (code !== MINUS && !isDigit(code)) at++;
    else {
      const source = numberAt(json, at);
      if (isInexact(source)) {
        pieces.push(json.slice(done, at), make(source));
        done = at + source.length;
      }
      at += source.length;
    }
  }
  return pieces.length === 0 ? json : pieces.join("") + json.slice(done);
}

const isDigit = (code: number): boolean => code >= 48 && code <= 57;

/** Behind the string that begins at `at`. */
function stringEnd(json: string, at: number): number {
  let end = at + 1;
  for (let code = json.charCodeAt(end); code !== QUOTE; code = json.charCodeAt(end)) end += code === BACKSLASH ? 2 : 1;
  return end + 1;
}

function numberAt(json: string, at: number): string {
  NUMBER.lastIndex = at;
  return (NUMBER.exec(json) as RegExpExecArray)[0];
}

function isInexact(source: string): boolean {
  const value = Number(source);
  return !isExact(source, value) || isStandIn(value);
}

/** Of JSON.parse with source text access (V8 11.4), which TypeScript does not know yet. */
type Reviver = (name: string, value: unknown, context: { source: string }) => unknown;
const parse = JSON.parse as (text: string, reviver: Reviver) => unknown;
const { isRawJSON } = JSON as unknown as { isRawJSON(value: unknown): boolean };

class Inexact {
  readonly source: string;
  constructor(source: string) {
    this.source = source;
  }
}

/** The numbers of a JSON text that no double holds, with JSON Pointers to them. The text is not nested too deeply to recurse. */
export function inexactNumbers(json: string): { pointer: string; source: string }[] {
  if (!holdsInexact(json)) return [];
  const found: { pointer: string; source: string }[] = [];
  const look = (value: unknown, pointer: string): void => {
    if (value instanceof Inexact) found.push({ pointer, source: value.source });
    else if (typeof value === "object" && value !== null)
      for (const [name, inner] of Object.entries(value)) look(inner, pointer + pointerStep(name));
  };
  look(
    parse(json, (_name, value, { source }) =>
      typeof value === "number" && !isExact(source, value) ? new Inexact(source) : value,
    ),
    "",
  );
  return found;
}

/** The text of a record with the defaults that its check put into `checked`. All else keeps its own digits: 1.0 is no 1. */
export function withDefaultsOf(checked: unknown, text: string): string {
  const keep: Reviver = (_name, value, { source }) => (typeof value === "number" ? numberWithDigits(source) : value);
  return JSON.stringify(filled(parse(text, keep), checked));
}

/** `own` with what it lacks of `checked`: defaults are only ever added. */
function filled(own: unknown, checked: unknown): unknown {
  if (typeof own !== "object" || own === null || isRawJSON(own)) return own;
  const target = own as Record<string, unknown>;
  for (const [name, inner] of Object.entries(checked as object)) {
    if (Object.hasOwn(target, name)) filled(target[name], inner);
    else Object.defineProperty(target, name, { value: inner, enumerable: true, configurable: true, writable: true });
  }
  return own;
}
