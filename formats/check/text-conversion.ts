import type { CellTypes } from "../schema/cell-types.ts";
import { isExact, isPlain, jsonNumber } from "./number-text.ts";
import { isStandIn, type RecordNumbers } from "./record-numbers.ts";

/** Words that mean true or false, where a policy names none. */
export const TRUE_WORDS: readonly string[] = ["true", "1", "yes", "y", "t"];
export const FALSE_WORDS: readonly string[] = ["false", "0", "no", "n", "f"];

/** Which types the text of a cell may become. */
export type CellKinds = { number: boolean; boolean: boolean };

/**
 * The most column names whose conversions a validator keeps. Headers come from outside and a validator lives long, so beyond
 * it the cache is emptied.
 */
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

  /** A number that no double holds is stored in `numbers`, and the record gets its stand-in. */
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
  const number = kinds.number ? cellNumber(text, numbers) : null;
  if (number !== null) return number;
  return kinds.boolean && text.length <= LONGEST_WORD ? (WORDS.get(text.trim().toLowerCase()) ?? text) : text;
}

const LONGEST_WORD = 200;
const WORDS: ReadonlyMap<string, boolean> = new Map([
  ...TRUE_WORDS.map((word) => [word, true] as const),
  ...FALSE_WORDS.map((word) => [word, false] as const),
]);

/** The number of a text, or its stand-in. Null: the text is not a number. */
export const cellNumber = (text: string, numbers: RecordNumbers): number | null =>
  DECIMAL.test(text) ? numberOf(text, numbers) : null;

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

/**
 * The same, where the policy declares how numbers or booleans are written: then they convert although the schema allows a
 * text too, or names no type at all.
 */
export function kindsIn(types: readonly string[], declared: CellKinds): CellKinds | null {
  const found = new Set<unknown>(types);
  const isOpen = found.size === 0;
  const kinds = {
    number: found.has("number") || found.has("integer") || (isOpen && declared.number),
    boolean: found.has("boolean") || (isOpen && declared.boolean),
  };
  if (!found.has("string")) return kinds.number || kinds.boolean ? kinds : null;
  const own = { number: kinds.number && declared.number, boolean: kinds.boolean && declared.boolean };
  return own.number || own.boolean ? own : null;
}
