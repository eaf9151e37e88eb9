/** What a pattern may cost, told from its text: RE2 unfolds `(a{1000}b){9}` before it can be asked for its size. */
export interface PatternCost {
  /** At least as much as the instructions of its program. */
  size: number;
  /** About the microseconds to compile it. */
  compile: number;
}

/** Each pattern: parsing, the tables of its program, and its place in the code of a schema. */
const BASE = 100;
/** A class of Unicode, with its hundreds of ranges. */
const UNICODE_CLASS = 100;
/** A range of a class in which case does not count: each of its letters is looked up. */
const FOLDED_RANGE = 3500;

const TOKEN = /\\[pP](?:\{[^}]*\}|.)|\\x\{[^}]*\}|\\.|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]])*\]?|\{(\d+)(?:,(\d*))?\}|./gsu;
const IGNORES_CASE = /\(\?[a-zA-Z]*i/;
const UNICODE = /\\[pP]/g;
/** Beyond ASCII: `\x{80}-\x{10ffff}`, `é-ü`. */
const WIDE_RANGE = /-(?:\\[xu]|[^\0-\x7f])/g;

/** Reads the pattern once, from left to right. An estimate that is too high does no harm. */
export function patternCost(source: string): PatternCost {
  const outer: number[] = [];
  let size = 1;
  let atom = 0;
  for (const [token, min, max] of source.matchAll(TOKEN)) {
    let added = 1;
    if (token === "(") {
      outer.push(size);
      size = 0;
    } else if (token === ")") {
      atom = size + 2;
      size = (outer.pop() ?? 0) + atom;
      continue;
    } else if (min !== undefined) {
      added = atom * Math.max(Number(min), Number(max ?? 0));
      atom += added;
    } else if (!"*+?|".includes(token)) {
      atom = 1;
    }
    size += added;
  }
  return { size: outer.reduce((sum, part) => sum + part, size), compile: compileCost(source, size) };
}

function compileCost(source: string, size: number): number {
  const classes = count(source, UNICODE);
  const folded = IGNORES_CASE.test(source) ? FOLDED_RANGE * count(source, WIDE_RANGE) + UNICODE_CLASS * classes : 0;
  return BASE + source.length + size + UNICODE_CLASS * classes + folded;
}

const count = (source: string, what: RegExp): number => source.match(what)?.length ?? 0;
