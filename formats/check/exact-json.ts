/** JSON with numbers that a double cannot hold exactly. */

import { pointerStep } from "../schema/walk.ts";
import { stringEnd } from "./json-text.ts";
import { holdsInexact, isExact } from "./number-text.ts";
import { isStandIn } from "./record-numbers.ts";

const QUOTE = 34;
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

function numberAt(json: string, at: number): string {
  NUMBER.lastIndex = at;
  return (NUMBER.exec(json) as RegExpExecArray)[0];
}

function isInexact(source: string): boolean {
  const value = Number(source);
  return !isExact(source, value) || isStandIn(value);
}

/** The reviver of JSON.parse with source text access (V8 11.4), which TypeScript does not declare yet. */
type Reviver = (name: string, value: unknown, context: { source: string }) => unknown;
const parse = JSON.parse as (text: string, reviver: Reviver) => unknown;

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
