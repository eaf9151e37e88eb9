import type { CellTypes } from "../schema/cell-types.ts";
import { isExact, isPlain, jsonNumber } from "./number-text.ts";
import { isStandIn, type RecordNumbers } from "./record-numbers.ts";

/** Which types the text of a cell may become. */
export type CellKinds = { number: boolean; boolean: boolean };

/** A validator outlives many batches, whose headers come from outside: beyond so many names it begins anew. */
const MAX_NAMES = 10_000;
/** Each digit can be read in one way only: where two could, a long cell takes the square of its length. */
const DECIMAL = /^\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?0*\d{1,15})?\s*$/;

/**
 * Converts the cells of a CSV record that the schema types as number, integer or boolean; where it allows a string too,
 * the text stays. Done here, not by Ajv, which reads "0x10" as 16, "Infinity" as a number, and digits beyond 2^53 as
 * other digits. Text that is no such value stays text, for the schema to refuse; so does a number whose exponent has more
 * than 15 digits.
 */
export class TextConversion {
  readonly #types: CellTypes;
  readonly #byName = new Map<string, CellKinds | null>();

  constructor(types: CellTypes) {
    this.#types = types;
  }

  /** A number that no double holds goes to `numbers`, and its stand-in into the record. */
  convert(record: Record<string, unknown>, numbers: RecordNumbers): void {
    for (const name in record) {
      const kinds = this.#kinds(name);
      if (kinds === null) continue;
      const text = record[name];
      if (typeof text === "string") record[name] = converted(text, kinds, numbers);
    }
  }

  /** What the cells of each column become; null: they stay text. Costs work for names that are new to it. */
  kindsOf(names: readonly string[]): (CellKinds | null)[] {
    return names.map((name) => this.#kinds(name));
  }

  #kinds(name: string): CellKinds | null {
    let kinds = this.#byName.get(name);
    if (kinds === undefined) {
      kinds = kindsOf(this.#types.of(name));
      if (this.#byName.size >= MAX_NAMES) this.#byName.clear();
      this.#byName.set(name, kinds);
    }
    return kinds;
  }
}

/** The value of a cell; of a number that no double holds its stand-in, once it is in `numbers`. */
export function converted(text: string, kinds: CellKinds, numbers: RecordNumbers): unknown {
  if (kinds.number && DECIMAL.test(text)) return numberOf(text, numbers);
  if (kinds.boolean) {
    const word = text.trim().toLowerCase();
    if (word === "true") return true;
    if (word === "false") return false;
  }
  return text;
}

function numberOf(text: string, numbers: RecordNumbers): number {
  const value = Number(text);
  if (isPlain(text, value)) return value;
  const source = jsonNumber(text);
  return isExact(source, value) && !isStandIn(value) ? value : Number(numbers.add(source));
}

function kindsOf(types: ReadonlySet<unknown>): CellKinds | null {
  const kinds = { number: types.has("number") || types.has("integer"), boolean: types.has("boolean") };
  return types.has("string") || !(kinds.number || kinds.boolean) ? null : kinds;
}
