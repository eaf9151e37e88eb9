import { RE2JS } from "re2js";
import { patternCost } from "./pattern-cost.ts";
import { PlainPattern, plainSuffix } from "./plain-pattern.ts";
import type { WorkBudget } from "./work-budget.ts";

/** A larger program is no pattern of a field, but an attempt to make each test expensive. */
const MAX_PROGRAM = 5000;
/** What is longer to compile is none either (see pattern-cost.ts): about 20 ms. */
const MAX_COMPILE = 20_000;
/** All patterns of a schema together: about 0.1 s, or 800 ordinary ones. */
const MAX_ALL = 100_000;

/** What a pattern from outside can be asked. */
export interface Pattern {
  test(text: string): boolean;
}

/** A regular expression whose time grows with the text only linearly: `^(a+)+$` on 30 letters takes V8 43 s. */
class LinearPattern implements Pattern {
  readonly #source: string;
  readonly #budget: WorkBudget | null;
  readonly #re: RE2JS;
  readonly #size: number;

  constructor(source: string, budget: WorkBudget | null) {
    this.#source = source;
    this.#budget = budget;
    this.#re = RE2JS.compile(RE2JS.translateRegExp(source));
    this.#size = this.#re.programSize();
    if (this.#size > MAX_PROGRAM) throw new Error("the pattern is too large");
  }

  /** A step of the program takes 10 to 25 ns. */
  test(text: string): boolean {
    this.#budget?.spend((text.length * this.#size) >>> 4);
    return this.#re.matcher(text).find();
  }

  /** Ajv keys its cache of patterns by this; without it all patterns of a schema would share the first one. */
  toString(): string {
    return `/${this.#source}/linear`;
  }
}

/** The tester for a pattern from outside. Throws where RE2 does not know the pattern, or where it is too large. */
function compilePattern(source: string, budget: WorkBudget | null): Pattern {
  const suffix = plainSuffix(source);
  return suffix === null ? new LinearPattern(source, budget) : new PlainPattern(source, suffix, budget);
}

/** About the microseconds that it takes to compile the pattern. Throws where it is not to be compiled. */
function boundedCost(source: string): number {
  const { size, compile } = patternCost(source);
  if (size > 2 * MAX_PROGRAM || compile > MAX_COMPILE) throw new Error("the pattern is too large");
  return compile;
}

/** Whether a text from outside is a pattern that we would take. To find out costs work: compiling takes a while. */
export function isPattern(source: string, budget: WorkBudget): boolean {
  budget.spend(source.length);
  try {
    budget.spend(20 * boundedCost(source));
    compilePattern(source, null);
    return true;
  } catch (error) {
    if (error === budget.spent) throw error;
    return false;
  }
}

/** The patterns of one schema, each compiled once. */
export class Patterns {
  readonly #budget: WorkBudget;
  readonly #bySource = new Map<string, Pattern>();
  #cost = 0;

  /** `budget`: what its tests spend. */
  constructor(budget: WorkBudget) {
    this.#budget = budget;
  }

  /** Throws where RE2 does not know the pattern, and where it is too large, or all are together. */
  get(source: string): Pattern {
    const known = this.#bySource.get(source);
    if (known !== undefined) return known;
    this.#cost += boundedCost(source);
    if (this.#cost > MAX_ALL) throw new Error("the patterns of the schema are too large together");
    const pattern = compilePattern(source, this.#budget);
    this.#bySource.set(source, pattern);
    return pattern;
  }

  /** Why the pattern cannot be taken, or null. */
  fault(source: string): string | null {
    try {
      this.get(source);
      return null;
    } catch (error) {
      return error instanceof RangeError ? "the pattern is nested too deeply" : (error as Error).message;
    }
  }
}
