import { RE2JS } from "re2js";
import type { WorkBudget } from "./work-budget.ts";

/** A larger program is no pattern of a field, but an attempt to make each test expensive. */
const MAX_PROGRAM = 5000;

/**
 * Patterns that V8 cannot be slow on, and that mean the same to it as to RE2: anchored at both ends, no group, no
 * alternative, fixed counts but for one quantifier at most. They take it, which is some ten times as fast as re2js.
 */
const PLAIN = /^\^(?:(?:[\w :/@#-]|\\[dw.]|\[[\w .,:/@#-]+\])(?:\{\d{1,2}\}|\{\d{1,2},\d{0,2}\}|[+*?])?)*\$$/;
const VARIABLE = /[+*?]|\{\d+,\d*\}/g;
const MAX_PLAIN = 60;

/** A regular expression whose time grows with the text only linearly: `^(a+)+$` on 30 letters takes V8 43 s. */
export class LinearPattern {
  readonly source: string;
  readonly #budget: WorkBudget | null;
  readonly #re: RE2JS;
  readonly #size: number;

  constructor(source: string, budget: WorkBudget | null = null) {
    this.source = source;
    this.#budget = budget;
    this.#re = RE2JS.compile(RE2JS.translateRegExp(source));
    this.#size = this.#re.programSize();
    if (this.#size > MAX_PROGRAM) throw new Error("the pattern is too large");
  }

  test(text: string): boolean {
    this.#budget?.spend((text.length * this.#size) >>> 6);
    return this.#re.matcher(text).find();
  }

  /** Ajv keys its cache of patterns by this; without it all patterns of a schema would share the first one. */
  toString(): string {
    return `/${this.source}/linear`;
  }
}

/** The tester for a pattern from outside. Throws where RE2 does not know the pattern. */
export function compilePattern(source: string, budget: WorkBudget | null = null): LinearPattern | RegExp {
  const linear = new LinearPattern(source, budget);
  return isPlain(source) ? new RegExp(source, "u") : linear;
}

/** Why RE2 refuses the pattern, or null. */
export function patternFault(source: string): string | null {
  try {
    new LinearPattern(source);
    return null;
  } catch (error) {
    return error instanceof RangeError ? "the pattern is nested too deeply" : (error as Error).message;
  }
}

function isPlain(source: string): boolean {
  return (
    source.length <= MAX_PLAIN && PLAIN.test(source) && (source.match(VARIABLE) ?? []).length <= 1 && compiles(source)
  );
}

/** Some classes that RE2 takes are none to V8 (`[z-a]` is refused by both, `[\w-z]` by V8 alone). */
function compiles(source: string): boolean {
  try {
    new RegExp(source, "u");
    return true;
  } catch {
    return false;
  }
}
