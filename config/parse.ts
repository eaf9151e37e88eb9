/** How one setting is declared, and how its text is read. */
import { isIP } from "node:net";

/** Reads one setting's text: its value, or undefined when it is wrong. `expected` completes "expected …" of the message. */
export interface Parser<T> {
  readonly expected: string;
  parse(text: string): T | undefined;
  /** What is wrong with a text, for the message. Left out: the text itself, by `shown`. */
  found?(text: string, secrecy: Secrecy): string;
}

/** Node's timers fire at once when they get more than 2^31-1 ms, so an interval of a month would not wait at all. */
const longestMs = 24 * 86_400_000;
const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** `00:05:00`, `300s`, `5m`, `250ms`, `1h` in milliseconds; a bare number has no unit and is refused. */
export function parseDuration(text: string): number | undefined {
  const short = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/i.exec(text);
  if (short) return Math.round(Number(short[1]) * unitMs[short[2]?.toLowerCase() as keyof typeof unitMs]);
  const clock = /^(\d{1,3}):([0-5]\d):([0-5]\d(?:\.\d{1,3})?)$/.exec(text);
  if (!clock) return undefined;
  return Math.round(Number(clock[1]) * unitMs.h + Number(clock[2]) * unitMs.m + Number(clock[3]) * unitMs.s);
}

/** A duration of at least `least`; `because` says what a shorter one would break. */
export function duration(least: string, because: string): Parser<number> {
  const leastMs = parseDuration(least) ?? 0;
  return {
    expected: `a duration such as 00:00:30, 30s, 5m, 250ms or 1h, from ${least} (${because}) to 24 days`,
    parse(text) {
      const ms = parseDuration(text);
      return ms !== undefined && ms >= leastMs && ms <= longestMs ? ms : undefined;
    },
  };
}

const longestDays = 3_660;

/** A number of days in milliseconds: `400d`. No timer waits that long; the value is a retention. */
export const days: Parser<number> = {
  expected: `a number of days such as 400d, from 1d to ${longestDays}d`,
  parse(text) {
    const count = /^\d{1,4}d$/i.test(text) ? Number.parseInt(text, 10) : 0;
    return count >= 1 && count <= longestDays ? count * 86_400_000 : undefined;
  },
};

export function integer(least: number, most: number, what: string): Parser<number> {
  return {
    expected: `${what}, ${least} to ${most}`,
    parse(text) {
      const value = Number(text);
      return /^\d{1,9}$/.test(text) && value >= least && value <= most ? value : undefined;
    },
  };
}

/** One of the keys of `values`, whatever its case. */
export function choice<T>(values: Readonly<Record<string, T>>): Parser<T> {
  const known = new Map(Object.entries(values).map(([word, value]) => [word.toLowerCase(), value]));
  return { expected: `one of ${Object.keys(values).join(", ")}`, parse: (text) => known.get(text.toLowerCase()) };
}

export function matching(pattern: RegExp, expected: string): Parser<string> {
  return { expected, parse: (text) => (pattern.test(text) ? text : undefined) };
}

/** Comma-separated, each once; wrong as a whole when one is wrong, empty or there twice. */
export function list<T>(item: Parser<T>): Parser<readonly T[]> {
  const entriesOf = (text: string) => text.split(",").map((part) => part.trim());
  const isWrong = (value: T | undefined, i: number, all: readonly (T | undefined)[]) =>
    value === undefined || all.indexOf(value) < i;
  return {
    expected: `comma-separated, each once: ${item.expected}`,
    parse(text) {
      const values = entriesOf(text).map((entry) => item.parse(entry));
      return values.some(isWrong) ? undefined : Object.freeze(values as T[]);
    },
    found(text, secrecy) {
      const entries = entriesOf(text);
      const values = entries.map((entry) => item.parse(entry));
      const found = item.found ?? shown;
      const told = (value: T | undefined, i: number) =>
        value === undefined ? `${found(entries[i] as string, secrecy)} as entry ${i + 1}` : `entry ${i + 1} twice`;
      return values.flatMap((value, i) => (isWrong(value, i, values) ? told(value, i) : [])).join(", ");
    },
  };
}

/** An address or CIDR in the notation of its IP version. */
function networkIn(text: string): string | undefined {
  const [address = "", bits, ...more] = text.split("/");
  const version = isIP(address);
  if (!version || more.length > 0) return undefined;
  const isRight = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
  return isRight ? text.toLowerCase() : undefined;
}

/** A proxy or a network of proxies. /0 would trust everybody, and everybody could claim any address. */
export const proxy: Parser<string> = {
  expected: "an IP address or a CIDR such as 10.0.0.0/8, and not /0",
  parse: (text) => (/\/0+$/.test(text) ? undefined : networkIn(text)),
};

/** A name, an address or a CIDR; a name that ends in a number is a mistyped address. */
export const networkHost: Parser<string> = {
  expected: "a host name, an IP address or a CIDR such as 10.0.0.0/8",
  parse(text) {
    const network = networkIn(text);
    if (network !== undefined || text.includes("/")) return network;
    return /^(?=.{1,253}$)([a-z0-9_-]{1,63}\.)*(?!\d+$)[a-z0-9_-]{1,63}$/i.test(text) ? text.toLowerCase() : undefined;
  },
};

/** Which part of a setting is secret: none, all of it, the secrets of a URL, or all of a URL but its host. */
export type Secrecy = "open" | "whole" | "url" | "host";

/**
 * A wrong value for a message. Of a text that looks like a URL it shows the scheme only: in one that does not parse,
 * nobody knows where the password ends.
 */
export function shown(text: string, secrecy: Secrecy): string {
  if (text === "") return "nothing";
  if (secrecy === "whole") return `${text.length} characters, not shown`;
  if (secrecy === "open" && !/:\/\/|@/.test(text))
    return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
  const scheme = /^(sqlite:|[a-z][a-z0-9+.-]{0,15}:\/\/)/i.exec(text)?.[0];
  return scheme ? `"${scheme}…"` : `${text.length} characters, not shown`;
}

/** A URL for logs, without its password and its query. */
export function maskUrl(text: string): string {
  if (/^sqlite:/i.test(text)) return text;
  if (!URL.canParse(text) || !text.includes("://")) return shown(text, "url");
  const { protocol, username, host, pathname } = new URL(text);
  return `${protocol}//${username && "***@"}${host}${pathname}`;
}

/** A URL whose path is a secret, for logs and for people. */
export function hostOf(text: string): string {
  if (!URL.canParse(text) || !text.includes("://")) return shown(text, "host");
  const { protocol, host } = new URL(text);
  return `${protocol}//${host}/…`;
}

/** One variable of the environment. `default` is in the variable's own notation; null: see `otherwise`. */
export interface Setting<T> {
  readonly name: string;
  readonly default: string | null;
  /** The default in words, if it is not fixed. */
  readonly otherwise: string;
  readonly parser: Parser<T>;
  readonly meaning: string;
  readonly secrecy: Secrecy;
}

/** A setting with a fixed default. */
export function setting<T>(
  name: string,
  value: string,
  parser: Parser<T>,
  meaning: string,
  secrecy: Secrecy = "open",
): Setting<T> {
  return { name, default: value, otherwise: "", parser, meaning, secrecy };
}

/** A setting whose default is not fixed. */
export function optional<T>(
  name: string,
  otherwise: string,
  parser: Parser<T>,
  meaning: string,
  secrecy: Secrecy = "open",
): Setting<T | null> {
  return { name, default: null, otherwise, parser, meaning, secrecy };
}
