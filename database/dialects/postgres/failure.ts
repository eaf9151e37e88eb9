/** What PostgreSQL and its connection throw, as our callers know it. */
import { ConnectionError } from "sequelize";
import { isUntrusted } from "../../../lib/net/certificates.ts";
import { ConstraintViolation, DatabaseRefused, DatabaseUnavailable } from "../../errors.ts";
import { serverLimits } from "./limits.ts";
import { hasNoRoom, parameterRefused, refusalOfPooler } from "./pooler.ts";

/** Serialization failure, deadlock, lock not available: the same unit may succeed at once. */
const passing = new Set(["40001", "40P01", "55P03"]);
/** 08 connection, 53 resources (disk full, too many connections), 57 shutdown or a statement's time is over, 58 system, 25P03/25006 session ended or read-only. */
const away = /^(08|53|57|58|25P03|25006)/;
const network = /^(ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_)/;

/** Of those, what comes from a connection: the statement may have been carried out, only its answer did not come. */
const cut = /^(08|57P)/;

const RIGHTS = ["a user who may use its database, schema and tables", "one to whom they are not open"] as const;
const LOGIN = ["a user and password that the server accepts", "a login that it refuses"] as const;
const FILES = ["files that can be read in sslrootcert, sslcert and sslkey", "one that cannot be"] as const;
const CERTIFICATE = [
  "a server whose certificate is trusted (or sslmode=no-verify, where nobody can come between)",
  "a certificate that is not",
] as const;
const NO_TLS = ["a server with TLS, for its parameters ask for that", "one without"] as const;
type Refusal = readonly [expected: string, found: string];

/** What no waiting heals, when a connection is opened. */
const refusals: Record<string, Refusal> = {
  "28P01": LOGIN,
  "28000": LOGIN,
  "3D000": ["a database that exists", "none of that name"],
  "42501": RIGHTS,
  "3F000": RIGHTS,
};

const codeOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? "");
const textOf = (error: unknown): string => String((error as Error | null)?.message);

/** Two at once had the same new key: the next look at it shows whose it is. */
const keyTables = new Set(["idempotency_key", "content_key"]);
const isKeyTaken = (error: unknown): boolean =>
  codeOf(error) === "23505" && keyTables.has(String((error as { table?: unknown }).table));

export const isPassing = (error: unknown): boolean => passing.has(codeOf(error)) || isKeyTaken(error);

/** pg's own errors of a lost or missing connection carry no code. */
const hasNoLink = (error: unknown): boolean =>
  network.test(codeOf(error)) ||
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client (has encountered|was closed))/.test(
    textOf(error),
  );

/** Too many connections, of the server, of its user or of a pooler. */
export const isFull = (error: unknown): boolean => codeOf(error) === "53300" || hasNoRoom(error);

/** Whether nobody can know what became of the statement. */
export const isCut = (error: unknown): boolean => cut.test(codeOf(error)) || hasNoLink(error);

const isAway = (error: unknown): boolean => away.test(codeOf(error)) || hasNoLink(error);

/** Named by what failed, without host, user or statement. */
export function errorOf(error: unknown): unknown {
  if (error instanceof DatabaseUnavailable) return error;
  if (isAway(error) || isPassing(error)) return unavailable(error);
  const code = codeOf(error);
  if (code.startsWith("23")) return new ConstraintViolation(textOf(error));
  return error;
}

/** No connection could be opened, so nothing was sent, whatever the reason. */
export const unavailable = (error: unknown, isUnknown = false): DatabaseUnavailable =>
  new DatabaseUnavailable(`The database cannot be used (${codeOf(error) || "connection"}).`, {
    cause: error,
    isUnknown,
  });

/** A fault of the setting, which has to be changed; null: it may heal by waiting. */
export function refusalOf(error: unknown): DatabaseRefused | null {
  const cause = rootOf(error);
  const refusal = refusals[codeOf(cause)] ?? refusalOfPooler(cause) ?? refusalOfLink(cause);
  return refusal ? new DatabaseRefused(...refusal) : null;
}

/** The server does not take what the URL's parameters ask of the session (`options=…`): a value, a name, how it is written. */
const parameters = new Set(["22023", "42704", "42601"]);

/** Of an error of the first connection, which sends nothing else that could be wrong. */
export function refusalOfOpening(error: unknown): DatabaseRefused | null {
  const cause = rootOf(error);
  const code = parameterRefused(cause) ?? codeOf(cause);
  if (!parameters.has(code) && !parameterRefused(cause)) return refusalOf(error);
  return new DatabaseRefused("parameters after the ? that the server takes", `one that it refuses (${code})`);
}

/** Whether a pooler stands before the server that takes none of the limits that we ask for at its door. */
export const isWithoutLimits = (error: unknown): boolean =>
  Object.hasOwn(serverLimits, parameterRefused(rootOf(error)) ?? "");

/** Where Sequelize or umzug threw it. */
export function awayOf(error: unknown): DatabaseUnavailable | null {
  const told = errorOf(rootOf(error));
  if (told instanceof DatabaseUnavailable) return told;
  return error instanceof ConnectionError ? unavailable(error) : null;
}

/** pg's own errors carry no code. */
function refusalOfLink(cause: unknown): Refusal | null {
  if (isUntrusted(codeOf(cause))) return CERTIFICATE;
  if (/^(open|read)$/.test(String((cause as NodeJS.ErrnoException | null)?.syscall)) && !hasNoLink(cause)) return FILES;
  if (/verify-ca requires specifying a CA/.test(textOf(cause))) return ["sslrootcert beside sslmode=verify-ca", "none"];
  if (/^The server does not support SSL/.test(textOf(cause))) return NO_TLS;
  return /^SASL:/.test(textOf(cause)) ? LOGIN : null;
}

/** What PostgreSQL or its driver threw: Sequelize keeps it as `parent`, umzug and we as `cause`. */
function rootOf(error: unknown): unknown {
  const { parent, cause = parent } = (error ?? {}) as { parent?: unknown; cause?: unknown };
  return cause === undefined ? error : rootOf(cause);
}
