/** Records whose numbers keep their digits, for delivery into tables. */

import { hasEscapedName, jsonValue, readJson } from "./json-value.ts";
import { holdsInexact, numberWithDigits } from "./number-text.ts";

/** A number that JavaScript would write otherwise: one that no double holds, and 12.50 or 1e3. */
export class Digits {
  readonly source: string;
  constructor(source: string) {
    this.source = source;
  }
  toJSON(): object {
    return numberWithDigits(this.source);
  }
}

/** The reviver of JSON.parse with source text access (V8 11.4), which TypeScript does not declare yet. */
type Reviver = (name: string, value: unknown, context: { source: string }) => unknown;
const parse = JSON.parse as (text: string, reviver: Reviver) => unknown;

/** Finds a number with an exponent, or with a zero as its last decimal. Sometimes the match is within a string. */
const REWRITTEN = /[:,[\s]-?\d+(?:\.\d*)?(?:[eE]|(?<=\.\d*0)\s*[,}\]])/;

/** Whether a record's JSON may have a number that JavaScript would write with other digits of the same value. */
export const mayBeRewritten = (json: string): boolean => REWRITTEN.test(json);

/** The record of a JSON text. A number whose value no double holds is `Digits`. */
export const recordOf = (json: string): Record<string, unknown> =>
  holdsInexact(json) ? exactRecord(json) : (jsonValue(json) as Record<string, unknown>);

/** The same, at ten times the cost: each number that JavaScript would write with other digits is `Digits`. */
export function exactRecord(json: string): Record<string, unknown> {
  const exact = (value: unknown, source: string) =>
    typeof value === "number" && String(value) !== source ? new Digits(source) : value;
  const found = parse(json, (_name, value, { source }) => exact(value, source));
  const right = hasEscapedName(json) ? readJson(json, (source) => exact(JSON.parse(source), source)) : found;
  return right as Record<string, unknown>;
}
