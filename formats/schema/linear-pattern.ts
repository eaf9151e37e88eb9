import { RE2JS } from "re2js";
import { countSteps } from "./counted-nfa.ts";
import { patternCost } from "./pattern-cost.ts";
import { PlainPattern, plainSuffix } from "./plain-pattern.ts";
import type { WorkBudget } from "./work-budget.ts";

/** A larger program is refused: no field needs it, and each test of it would be expensive. */
const MAX_PROGRAM = 5000;
/** A pattern that takes longer to compile is refused, too (pattern-cost.ts): about 20 ms. */
const MAX_COMPILE = 20_000;
/** All patterns of a schema together: about 0.1 s, or 800 ordinary ones. */
const MAX_ALL = 100_000;

/** Steps of 25 ns that weigh as much as a keyword. */
const STEPS = 4;
const STEPS_AT_ONCE = 1024;
/** The name in re2js for: the pattern may match anywhere in the text. */
const UNANCHORED = 0;
/** For shorter texts making tables does not pay. */
const LONG = 4096;
/** Bytes of tables, as re2js counts them. Making two bytes takes about as long as a step. */
const MOST_STATES = 512 * 1024;

/** What callers may ask of a partner's pattern. */
export interface Pattern {
  test(text: string): boolean;
}

/** A regular expression whose time grows with the text only linearly: `^(a+)+$` on 30 letters takes V8 43 s. */
class LinearPattern implements Pattern {
  readonly #source: string;
  readonly #budget: WorkBudget | null;
  readonly #re: RE2JS;
  readonly #size: number;
  /** Whether re2js first searches for letters that the pattern requires. Most names and many texts have none. */
  readonly #looksFirst: boolean;
  /** What the current test costs if re2js has to follow the pattern. */
  #due = 0;
  /** Steps of the engine that are paid for. */
  #paid = 0;
  /** Whether a text has shown that its tables of states (a DFA) grow too large. */
  #outgrows = false;

  constructor(source: string, budget: WorkBudget | null) {
    this.#source = source;
    this.#budget = budget;
    this.#re = RE2JS.compile(RE2JS.translateRegExp(source));
    this.#size = this.#re.programSize();
    if (this.#size > MAX_PROGRAM) throw new Error("the pattern is too large");
    countSteps(this.#re.re2Input, (steps) => this.#count(steps));
    this.#looksFirst = this.#payAfterLook();
  }

  test(text: string): boolean {
    this.#budget?.spend(text.length >>> 5);
    this.#due = (text.length * this.#size) >>> 4;
    if (!this.#looksFirst) this.#pay();
    if (text.length >= LONG && !this.#outgrows) return this.#testLong(text);
    // A matcher would find the same in twice the time.
    return this.#re.re2Input.matchWithGroup(text, 0, text.length, UNANCHORED, 1)[0];
  }

  /** Most patterns follow few paths at once: at most a sixteenth of their program. The others pay for each path. */
  #pay(): void {
    this.#budget?.spend(this.#due);
    this.#paid = this.#due * STEPS;
  }

  #payAfterLook(): boolean {
    const { prefilter } = this.#re.re2Input;
    if (prefilter === null) return false;
    const look = prefilter.eval.bind(prefilter);
    prefilter.eval = (...args: unknown[]) => {
      const mayMatch = look(...args);
      if (mayMatch) this.#pay();
      return mayMatch;
    };
    return true;
  }

  /** Matches by tables of states, which are made when they are needed. This is about twenty times as fast. */
  #testLong(text: string): boolean {
    const { dfa } = this.#re.re2Input;
    dfa.stateBudget = MOST_STATES;
    // A full table would be made again and again. Without a table re2js follows the pattern instead.
    dfa.resetCache = () => {
      this.#outgrows = true;
      return null;
    };
    dfa.clearCache();
    const found = this.#re.test(text);
    this.#count((dfa.stateBudget - dfa.memBudget) >>> 1);
    // Kept for each of many patterns they would fill the memory.
    dfa.clearCache();
    return found;
  }

  #count(steps: number): void {
    this.#paid -= steps;
    if (this.#paid >= 0) return;
    const more = STEPS_AT_ONCE - this.#paid;
    this.#budget?.spend(Math.ceil(more / STEPS));
    this.#paid += more;
  }

  /** Ajv keys its cache of patterns by this; without it all patterns of a schema would share the first one. */
  toString(): string {
    return `/${this.#source}/linear`;
  }
}

/** The tester of a partner's pattern. Throws if RE2 does not know the pattern, or if it is too large. */
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

/** Whether a partner's text is a pattern that we accept. It costs work, because compiling takes time. */
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

  /** `budget`: each test of the pattern takes its steps from it. */
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
