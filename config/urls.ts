/**
 * The settings that are URLs of servers, with the parameters that their drivers accept, and the file that a `sqlite:` URL names.
 */
import { resolve } from "node:path";
import { integer, matching, type Parser, shown } from "./parse.ts";

const ENCODED = " (special characters percent-encoded)";

function url(...schemes: string[]): Parser<string> {
  return {
    expected: `a URL ${schemes.map((scheme) => `${scheme}://host…`).join(" or ")}${ENCODED}`,
    parse: (text) => (hasHost(text, schemes) ? text : undefined),
  };
}

/** Whether a URL is safe for tokens and their keys: TLS, or this machine. */
export function isSafeUrl(text: unknown): text is string {
  if (typeof text !== "string" || !URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  if (username || password) return false;
  return protocol === "https:" || (protocol === "http:" && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname));
}

/** The issuer's URL. Its text is compared with the claim `iss`, so it is kept as it is written. */
export const issuerUrl: Parser<string> = {
  expected: "a URL https://host… without a query (http://… on this machine only)",
  parse: (text) => (isSafeUrl(text) && !/[?#]/.test(text) ? text : undefined),
};

function hasHost(text: string, schemes: readonly string[]): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password, pathname } = new URL(text);
  const isOurs = hostname !== "" && schemes.includes(protocol.slice(0, -1)) && text.includes("://");
  return isOurs && [username, password, pathname].every(isDecodable);
}

/** The drivers decode the URL. A stray % would end the start with the driver's own message, or be retried for ever. */
function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

type Rules = Readonly<Record<string, Parser<unknown>>>;

/**
 * The driver gets the parameters after `?` as they are. One that it does not understand ends the process with the driver's
 * own message, is retried for ever, or overrides an option of ours.
 */
function withParameters(parser: Parser<string>, rulesOf: (text: string) => Rules, others: "refused" | "let through") {
  const wrongIn = (text: string) => wrongParameter(text, rulesOf(text), others);
  return {
    expected: parser.expected,
    parse: (text) => (parser.parse(text) === undefined || wrongIn(text) ? undefined : text),
    found(text, secrecy) {
      const wrong = parser.parse(text) === undefined ? null : wrongIn(text);
      return wrong ? `${shown(text, secrecy)} with ${wrong}` : shown(text, secrecy);
    },
  } satisfies Parser<string>;
}

/** Does not show the name of an unknown parameter: it may be a pasted secret. */
function wrongParameter(text: string, rules: Rules, others: "refused" | "let through"): string | null {
  for (const [name, value] of new URL(text).searchParams) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (!rule && others === "refused") return `a parameter that is none of ${Object.keys(rules).join(", ")}`;
    if (rule && rule.parse(value) === undefined) return `a ${name} that is not ${rule.expected}`;
  }
  return null;
}

/** Allows 0 as well, because it has a special meaning for this parameter. */
const orNone = (parser: Parser<number>): Parser<number> => ({
  expected: `0 or ${parser.expected}`,
  parse: (text) => (text === "0" ? 0 : parser.parse(text)),
});

/** RabbitMQ takes no smaller frames, and a node needs some channels. */
const amqpRules: Rules = {
  heartbeat: integer(0, 65_535, "seconds"),
  frameMax: orNone(integer(8_192, 999_999_999, "bytes")),
  channelMax: orNone(integer(16, 65_535, "a number")),
};
/** Clients of other languages take more parameters; this driver ignores them. */
export const amqpUrl = withParameters(url("amqp", "amqps"), () => amqpRules, "let through");

const http = url("http", "https");
/** The URL of a collector. `fetch` refuses a URL with a login, and shows the login in its error. */
export const collectorUrl: Parser<string> = {
  expected: `${http.expected}, without a login`,
  parse: (text) => (http.parse(text) && !text.includes("@") ? text.replace(/\/+$/, "") : undefined),
};

const LONGEST_URL = 2048;
/**
 * The URL of a chat. Its path may contain an @. URLs that no webhook may have are refused here, so that a mistake shows at the
 * start and not at the first alert.
 */
export const alertUrl: Parser<string> = {
  expected: `${http.expected}, without a login and a fragment, of up to ${LONGEST_URL} characters`,
  parse(text) {
    const isPlain = /^[^\s\p{Cc}\\#]+$/u.test(text) && !/^[^/]*\/\/[^/?]*@/.test(text);
    return isPlain && http.parse(text) && new URL(text).href.length <= LONGEST_URL ? text : undefined;
  },
};

const anyRedis = url("redis", "rediss");
/** If the path is no number, ioredis selects database NaN, which ends the process. */
const redisPath: Parser<string> = {
  expected: `${anyRedis.expected}; after the host nothing but a database's number`,
  parse: (text) => (anyRedis.parse(text) && /^\/?\d{0,5}$/.test(new URL(text).pathname) ? text : undefined),
};
const redisRules: Rules = {
  db: integer(0, 99_999, "a database's number"),
  family: matching(/^[046]$/, "0, 4 or 6"),
};
export const redisUrl = withParameters(redisPath, () => redisRules, "refused");

/** Refuses two slashes after `sqlite:`: they look like a host, and `sqlite://data/x.db` would silently mean `/data/x.db`. */
const anyDatabase: Parser<string> = {
  expected: `sqlite:PATH, postgres://host/database or mssql://host/database${ENCODED}`,
  parse(text) {
    const isServed = /^sqlite:(?!\/\/(?!\/))./.test(text) || hasHost(text, ["postgres", "postgresql", "mssql"]);
    return isServed ? text : undefined;
  },
};

/** A shorter timeout would end every statement. */
const time = orNone(integer(1_000, 999_999_999, "milliseconds"));
const never = (expected: string) => matching(/(?!)/, expected);
/** Two drivers get the URL, and only one of them takes this parameter. */
const before = never("before the ?");
/** A parameter that would change how the driver works with our code. */
const leftOut = never("left out");
/** Other parameters go to the server or are ignored, so the URLs that hosters give for other drivers work. */
const postgresRules: Rules = {
  user: before,
  password: before,
  port: before,
  database: before,
  dbname: before,
  statement_timeout: time,
  query_timeout: time,
  lock_timeout: time,
  idle_in_transaction_session_timeout: time,
  connectionTimeoutMillis: time,
  keepAliveInitialDelayMillis: time,
  sslmode: matching(
    /^(disable|prefer|require|verify-ca|verify-full|no-verify)$/,
    "disable, prefer, require, verify-ca, verify-full or no-verify",
  ),
  // "false" is a text to pg, and one that is not empty asks for TLS.
  ssl: matching(/^(true|1|0|no-verify)$/, "true, 0 or no-verify"),
  sslnegotiation: matching(/^(postgres|direct)$/, "postgres or direct"),
  stream: leftOut,
  binary: leftOut,
  replication: leftOut,
  types: leftOut,
};
/** The URL of the database. database/dialects/mssql/url.ts checks the parameters of mssql:// URLs. */
export const databaseUrl = withParameters(
  anyDatabase,
  (text) => (/^postgres/.test(text) ? postgresRules : {}),
  "let through",
);

const SCHEME = "sqlite:";

/** The absolute path of the file; symbolic links are not followed. Null: the URL names no file (`sqlite::memory:`, or a server). */
export function fileOf(url: string): string | null {
  if (!url.startsWith(SCHEME)) return null;
  const path = url.slice(SCHEME.length);
  return path === ":memory:" ? null : resolve(path.replace(/^\/\//, ""));
}

/** The file with the admin token that DataFlow generates when `ADMIN_TOKEN` is not set. */
export const tokenFileOf = (file: string): string => `${file}.admin-token`;
