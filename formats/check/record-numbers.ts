import { type Decimal, decimalOf, isWhole } from "./decimal.ts";
import type { RecordFault } from "./fault-bounds.ts";
import { deliveredNumber, numberWithDigits } from "./number-text.ts";

/**
 * The numbers of one record that a double cannot hold. During the check a double stands in for each of them. No other number has
 * that double, and it is whole for a whole number, so that `type: integer` works.
 */
export class RecordNumbers {
  readonly #kept: { source: string; decimal: Decimal }[] = [];

  get size(): number {
    return this.#kept.length;
  }

  /** Takes the JSON text of a number; returns the JSON text of its stand-in. Throws HugeExponent and TooManyNumbers. */
  add(source: string): string {
    if (this.#kept.length === MOST_NUMBERS) throw new TooManyNumbers();
    const decimal = decimalOf(source);
    const place = FIRST + this.#kept.length;
    this.#kept.push({ source, decimal });
    return isWhole(decimal) ? `${place}e${WHOLE}` : `${place}e-${BROKEN}`;
  }

  /** The value behind a stand-in. Undefined for any other number. */
  decimalOf(value: number): Decimal | undefined {
    return this.#kept[indexOf(value)]?.decimal;
  }

  /** The JSON text that a stand-in came with; undefined for any other number. */
  sourceOf(value: number): string | undefined {
    return this.#kept[indexOf(value)]?.source;
  }

  /** What a handler gets of a record that was checked. */
  delivered(record: Record<string, unknown>): Record<string, unknown> {
    return this.#restored(record, deliveredNumber) as Record<string, unknown>;
  }

  /** The JSON of a record that was checked. */
  stringify(record: Record<string, unknown>): string {
    return JSON.stringify(this.#restored(record, numberWithDigits));
  }

  /** A copy with `make` of its text for each stand-in. */
  #restored(value: unknown, make: (source: string) => unknown): unknown {
    if (typeof value === "number") {
      const source = this.sourceOf(value);
      return source === undefined ? value : make(source);
    }
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map((item) => this.#restored(item, make));
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, this.#restored(item, make)]));
  }

  clear(): void {
    this.#kept.length = 0;
  }
}

/** The most such numbers in a record. Each costs about a microsecond. */
const MOST_NUMBERS = 100_000;

export class TooManyNumbers extends Error {
  readonly fault: RecordFault = {
    field: "",
    code: "too_large",
    message: `holds more than ${MOST_NUMBERS} numbers with more digits than a double`,
  };
}

/**
 * Stand-ins are 7318300000e280, 7318300001e280 and so on, and the same with e-290. A schema with such a number
 * is refused; in a record each of that size is treated like one that no double holds (`isStandIn`).
 */
const FIRST = 7_318_300_000;
const MOST = 1_000_000_000;
const WHOLE = 280;
const BROKEN = 290;

/** Which stand-in a double is; −1: none. Neighbours differ in their tenth digit, so that rounding finds the right one. */
function indexOf(value: number): number {
  const place = Math.round(value > 1 ? value / 1e280 : value * 1e290) - FIRST;
  return place >= 0 && place < MOST ? place : -1;
}

/** Whether a double is of those that may stand for another number. */
export const isStandIn = (value: number): boolean => indexOf(value) >= 0;
