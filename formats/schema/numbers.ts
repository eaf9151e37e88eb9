/** The keywords of numbers, on the digits of the numbers that no double holds; and `multipleOf` in decimals for all. */
import { _, type CodeKeywordDefinition } from "ajv/dist/2020.js";
import {
  canonicalText,
  compareDecimals,
  type Decimal,
  decimalOf,
  isMultiple,
  isWhole,
  lastPlace,
} from "../check/decimal.ts";
import type { RecordNumbers } from "../check/record-numbers.ts";
import type { CodeTable } from "./values.ts";
import type { WorkBudget } from "./work-budget.ts";

/** What a compiled schema knows of the record that it checks at the moment. */
export class NumbersInCheck {
  /** The numbers of the record that a double cannot hold. Null: there are none. */
  numbers: RecordNumbers | null = null;

  decimalOf(value: number): Decimal | undefined {
    return this.numbers?.decimalOf(value);
  }

  /** The same text for the same value, for `uniqueItems`. */
  textOf(value: number): string {
    const decimal = this.decimalOf(value);
    return decimal === undefined ? JSON.stringify(value) : canonicalText(decimal);
  }
}

type Fails = (value: number) => boolean;

/** What a comparison with the limit gives where the keyword fails. */
const limits: Record<string, { operator: ReturnType<typeof _>; fails: (order: number) => boolean }> = {
  maximum: { operator: _`>`, fails: (order) => order > 0 },
  minimum: { operator: _`<`, fails: (order) => order < 0 },
  exclusiveMaximum: { operator: _`>=`, fails: (order) => order >= 0 },
  exclusiveMinimum: { operator: _`<=`, fails: (order) => order <= 0 },
};

/** `minimum` and the other three; `definition` is Ajv's own of all of them. */
export const limitKeywords = (
  definition: CodeKeywordDefinition,
  held: NumbersInCheck,
  table: CodeTable,
): CodeKeywordDefinition[] =>
  Object.entries(limits).map(([keyword, { operator, fails }]) => ({
    ...definition,
    keyword,
    code(cxt) {
      const { gen, data, schema } = cxt;
      const record = gen.scopeValue("obj", { ref: held });
      const exactly = table.add(gen, beyond(schema, fails, held));
      cxt.fail(_`${record}.numbers === null ? ${data} ${operator} ${schema} : ${exactly}(${data})`);
    },
  }));

/** For a record with numbers that no double holds. */
function beyond(limit: number, fails: (order: number) => boolean, held: NumbersInCheck): Fails {
  const exactLimit = decimalOf(String(limit));
  return (value) => {
    const decimal = held.decimalOf(value);
    return fails(decimal === undefined ? value - limit : compareDecimals(decimal, exactLimit));
  };
}

/** `multipleOf`; `definition` is Ajv's own, whose quotient of doubles takes 19.99 for no multiple of 0.01. */
export const multipleOfKeyword = (
  definition: CodeKeywordDefinition,
  held: NumbersInCheck,
  budget: WorkBudget,
  table: CodeTable,
): CodeKeywordDefinition => ({
  ...definition,
  code(cxt) {
    const fails = table.add(cxt.gen, noMultiple(cxt.schema, held, budget));
    cxt.fail(_`${fails}(${cxt.data})`);
  },
});

/** Whole numbers up to it, divided by a power of ten up to 10^22, give doubles that are all different. */
const MOST_UNITS = 1e15;
const MOST_PLACES = 22;

function noMultiple(divisor: number, held: NumbersInCheck, budget: WorkBudget): Fails {
  const exactDivisor = decimalOf(String(divisor));
  const isQuick = quickMultiple(exactDivisor);
  return (value) => {
    const inexact = held.decimalOf(value);
    const quick = inexact === undefined ? isQuick(value) : null;
    if (quick !== null) return !quick;
    const decimal = inexact ?? decimalOf(String(value));
    budget.spend(8 + (decimal.digits.length >>> 4));
    return !isMultiple(decimal, exactDivisor);
  };
}

/**
 * By doubles alone; null where these cannot tell. 19.99 is 1999 units of 0.01, since 1999 / 100 gives the very double: a
 * quotient of two whole numbers that doubles hold is rounded once, as the text 19.99 was.
 */
function quickMultiple(divisor: Decimal): (value: number) => boolean | null {
  const place = lastPlace(divisor);
  const scale = Number(`1e${Math.max(0, -place)}`);
  const step = Number(`${divisor.digits}e${Math.max(0, place)}`);
  if (place < -MOST_PLACES || step > MOST_UNITS) return () => null;
  return (value) => {
    const units = Math.round(value * scale);
    return Math.abs(units) > MOST_UNITS ? null : units / scale === value && units % step === 0;
  };
}

const INT64 = { least: decimalOf("-9223372036854775808"), most: decimalOf("9223372036854775807") };

/** The format `int64`: Ajv's own takes every whole number, since a double could not tell. */
export const int64Format = (held: NumbersInCheck) => ({
  type: "number" as const,
  validate(value: number): boolean {
    const decimal = held.decimalOf(value) ?? decimalOf(String(value));
    return isWhole(decimal) && compareDecimals(decimal, INT64.least) >= 0 && compareDecimals(decimal, INT64.most) <= 0;
  },
});
