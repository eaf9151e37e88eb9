/** Reads dates and times with patterns of strptime, and gives them as ISO 8601. */

export type DateKind = "date" | "time" | "date-time";

export const dateKinds: readonly string[] = ["date", "time", "date-time"] satisfies DateKind[];

type Part = "Y" | "m" | "d" | "H" | "M" | "S" | "f" | "z";

/** The most digits that each directive takes. */
const MOST_DIGITS: Record<Exclude<Part, "z">, number> = { Y: 4, m: 2, d: 2, H: 2, M: 2, S: 2, f: 6 };
const OFFSET = /(?:[Zz]|[+-]\d{2}(?::?\d{2})?)/y;

/** The directives that a pattern must have and may have, for each kind of field. */
const NEEDED: Record<DateKind, string> = { date: "Ymd", time: "H", "date-time": "Ymd" };
const ALLOWED: Record<DateKind, string> = { date: "Ymd", time: "HMSfz", "date-time": "YmdHMSfz" };

interface Token {
  part: Part | null;
  literal: string;
}

/** Splits a pattern into pieces. A string as the answer says what is wrong with the pattern. */
function tokensOf(pattern: string, kind: DateKind): Token[] | string {
  const tokens: Token[] = [];
  const seen = new Set<string>();
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern.charAt(i);
    const part = char === "%" ? pattern.charAt(++i) : "";
    if (char !== "%" || part === "%") {
      tokens.push({ part: null, literal: char });
      continue;
    }
    if (!"YmdHMSfz".includes(part) || part === "")
      return `unknown directive "%${part}": expected %Y %m %d %H %M %S %f %z`;
    if (!ALLOWED[kind].includes(part)) return `a ${kind} has no %${part}`;
    if (seen.has(part)) return `expected %${part} once`;
    seen.add(part);
    tokens.push({ part: part as Part, literal: "" });
  }
  const missing = [...NEEDED[kind]].filter((part) => !seen.has(part));
  if (missing.length > 0) return `expected ${missing.map((part) => `%${part}`).join(", ")} in the pattern of a ${kind}`;
  for (const [part, before] of ["MH", "SM", "fS"].map((pair) => [...pair] as [string, string]))
    if (seen.has(part) && !seen.has(before)) return `expected %${before} beside %${part}`;
  return tokens;
}

/** What is wrong with a pattern for a field of this kind. Null: nothing. */
export function patternFault(pattern: string, kind: DateKind): string | null {
  const tokens = tokensOf(pattern, kind);
  return typeof tokens === "string" ? tokens : null;
}

const ZERO = 48;
const digitAt = (text: string, at: number): number => {
  const digit = text.charCodeAt(at) - ZERO;
  return digit >= 0 && digit <= 9 ? digit : -1;
};

interface Step {
  part: Part | null;
  literal: string;
  least: number;
  most: number;
}

/** Days and months may have one digit, but must have two if another directive or a digit follows directly. */
function stepsOf(tokens: readonly Token[]): Step[] {
  const isDigits = (token: Token | undefined) =>
    token !== undefined && (token.part === null ? digitAt(token.literal, 0) >= 0 : token.part !== "z");
  return tokens.map(({ part, literal }, i) => {
    if (part === null || part === "z") return { part, literal, least: 0, most: 0 };
    const most = MOST_DIGITS[part];
    const touches = isDigits(tokens[i - 1]) || isDigits(tokens[i + 1]);
    return { part, literal, least: part === "f" || (most === 2 && !touches) ? 1 : most, most };
  });
}

/** A date pattern. It parses by hand, because files have a date in each row and a regular expression takes several times as long. */
export class DatePattern {
  readonly #kind: DateKind;
  readonly #pattern: string;
  readonly #steps: readonly Step[];

  /** `pattern` must be valid. */
  constructor(pattern: string, kind: DateKind) {
    const tokens = tokensOf(pattern, kind);
    if (typeof tokens === "string") throw new Error(`${pattern}: ${tokens}`);
    this.#kind = kind;
    this.#pattern = pattern;
    this.#steps = stepsOf(tokens);
  }

  /** The text as ISO 8601. Null: it does not match the pattern, or there is no such day. */
  read(text: string): string | null {
    let [year, month, day, hour, minute, second] = [2000, 1, 1, 0, 0, 0];
    let [fraction, offset] = ["", "Z"];
    let at = 0;
    for (const { part, literal, least, most } of this.#steps) {
      if (part === null) {
        if (text[at] !== literal) return null;
        at++;
        continue;
      }
      if (part === "z") {
        OFFSET.lastIndex = at;
        const found = OFFSET.exec(text)?.[0];
        const written = found === undefined ? null : offsetOf(found);
        if (found === undefined || written === null) return null;
        offset = written;
        at += found.length;
        continue;
      }
      const from = at;
      let value = 0;
      for (let digit = digitAt(text, at); digit >= 0 && at - from < most; digit = digitAt(text, ++at))
        value = 10 * value + digit;
      if (at - from < least) return null;
      switch (part) {
        case "Y":
          year = value;
          break;
        case "m":
          month = value;
          break;
        case "d":
          day = value;
          break;
        case "H":
          hour = value;
          break;
        case "M":
          minute = value;
          break;
        case "S":
          second = value;
          break;
        default:
          fraction = `.${text.slice(from, at)}`;
      }
    }
    if (at !== text.length || !isDay(year, month, day) || hour > 23 || minute > 59 || second > 59) return null;
    const date = `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}`;
    if (this.#kind === "date") return date;
    const time = `${two(hour)}:${two(minute)}:${two(second)}${fraction}${offset}`;
    return this.#kind === "time" ? time : `${date}T${time}`;
  }

  /** An example for error texts: 2026-11-29 13:45 in this pattern. */
  get example(): string {
    const values: Record<string, string> = { Y: "2026", m: "11", d: "29", H: "13", M: "45", S: "00", f: "0", z: "Z" };
    return this.#pattern.replace(/%(.)/g, (_, part: string) => values[part] ?? part);
  }
}

const PAIRS = Array.from({ length: 100 }, (_, i) => String(i).padStart(2, "0"));
const two = (value: number): string => PAIRS[value] as string;

const LONG_MONTHS = [1, 3, 5, 7, 8, 10, 12];

function isDay(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1) return false;
  if (month !== 2) return day <= (LONG_MONTHS.includes(month) ? 31 : 30);
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return day <= (isLeap ? 29 : 28);
}

/** Makes `+02:00` of `+0200`. */
function offsetOf(text: string): string | null {
  if (text === "Z" || text === "z") return "Z";
  const hours = text.slice(1, 3);
  const minutes = text.slice(3).replace(":", "") || "00";
  return Number(hours) > 23 || Number(minutes) > 59 ? null : `${text.charAt(0)}${hours}:${minutes}`;
}

const ISO =
  /^(?:(\d{4})-(\d{2})-(\d{2}))?(?:T|^|$)(?:(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6})\d*)?)?)?(Z|[+-]\d{2}:\d{2})?$/i;

/** Writes an ISO 8601 text in the pattern. Null: the text is not ISO 8601. */
export function dateText(pattern: string, iso: string): string | null {
  const match = ISO.exec(iso);
  if (!match) return null;
  const [, Y = "1970", m = "01", d = "01", H = "00", M = "00", S = "00", f = "0", z = "Z"] = match;
  const parts: Record<string, string> = { Y, m, d, H, M, S, f, z, "%": "%" };
  return pattern.replaceAll(/%(.)/g, (all, part: string) => parts[part] ?? all);
}
