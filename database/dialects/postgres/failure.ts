/** Translates errors of PostgreSQL and its driver into the errors that callers know (database/errors.ts). */
import { ConnectionError } from "sequelize";
import { isUntrusted } from "../../../lib/net/server-kind.ts";
import { ConstraintViolation, DatabaseRefused, DatabaseUnavailable } from "../../errors.ts";
import { serverLimits } from "./limits.ts";
import { hasNoRoom, parameterRefused, refusalOfPooler } from "./pooler.ts";

/**
 * SQLSTATEs of transient errors: serialization failure, deadlock, lock not available. A retry of the unit may succeed
 * at once.
 */
const transient = new Set(["40001", "40P01", "55P03"]);
/**
 * SQLSTATEs that mean an unusable database: 08 connection, 53 resources (disk full, too many connections), 57 shutdown
 * or statement timeout, 58 system, 25P03/25006 session ended or read-only.
 */
const away = /^(08|53|57|58|25P03|25006)/;
const network = /^(ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_)/;

/** The SQLSTATEs that mean a broken connection: the statement may have taken effect, and only its answer was lost. */
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

/** Errors of opening a connection that a retry cannot fix, by SQLSTATE. */
const refusals: Record<string, Refusal> = {
  "28P01": LOGIN,
  "28000": LOGIN,
  "3D000": ["a database that exists", "none of that name"],
  "42501": RIGHTS,
  "3F000": RIGHTS,
};

const codeOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? "");
const textOf = (error: unknown): string => String((error as Error | null)?.message);

/** Tables in which two units may insert the same new key at the same time. A retry sees which unit has the key. */
const keyTables = new Set(["idempotency_key", "content_key"]);
const isKeyTaken = (error: unknown): boolean =>
  codeOf(error) === "23505" && keyTables.has(String((error as { table?: unknown }).table));

export const isTransient = (error: unknown): boolean => transient.has(codeOf(error)) || isKeyTaken(error);

/** Whether the connection was lost, or could not be made. pg's own errors for this carry no code. */
const hasNoLink = (error: unknown): boolean =>
  network.test(codeOf(error)) ||
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client (has encountered|was closed))/.test(
    textOf(error),
  );

/** Whether there are too many connections: of the server, of its user, or of a pooler. */
export const isFull = (error: unknown): boolean => codeOf(error) === "53300" || hasNoRoom(error);

/** Whether the outcome of the statement is unknown. */
export const isCut = (error: unknown): boolean => cut.test(codeOf(error)) || hasNoLink(error);

const isAway = (error: unknown): boolean => away.test(codeOf(error)) || hasNoLink(error);

/** Translates an error for callers. The new message names what failed, but no host, user or statement. */
export function errorOf(error: unknown): unknown {
  if (error instanceof DatabaseUnavailable) return error;
  if (isAway(error) || isTransient(error)) return unavailable(error);
  const code = codeOf(error);
  if (code.startsWith("23")) return new ConstraintViolation(textOf(error));
  return error;
}

/**
 * Makes a DatabaseUnavailable: for a connection that could not be opened (nothing was sent), or with `isOutcomeUnknown`
 * for a lost answer.
 */
export const unavailable = (error: unknown, isOutcomeUnknown = false): DatabaseUnavailable =>
  new DatabaseUnavailable(`The database cannot be used (${codeOf(error) || "connection"}).`, {
    cause: error,
    isOutcomeUnknown,
  });

/** The error as a wrong setting that an operator must change. Null if a retry may help. */
export function refusalOf(error: unknown): DatabaseRefused | null {
  const cause = rootOf(error);
  const refusal = refusals[codeOf(cause)] ?? refusalOfPooler(cause) ?? refusalOfLink(cause);
  return refusal ? new DatabaseRefused(...refusal) : null;
}

/** SQLSTATEs with which the server refuses a parameter of the URL (`options=…`): its value, its name or its syntax. */
const parameters = new Set(["22023", "42704", "42601"]);

/**
 * Translates an error of the first connection into a wrong setting, or null. A new connection sends only its
 * parameters, so `parameters` codes can only mean one of them.
 */
export function refusalOfOpening(error: unknown): DatabaseRefused | null {
  const cause = rootOf(error);
  const code = parameterRefused(cause) ?? codeOf(cause);
  if (!parameters.has(code) && !parameterRefused(cause)) return refusalOf(error);
  return new DatabaseRefused("parameters after the ? that the server takes", `one that it refuses (${code})`);
}

/** Whether a pooler has refused the server's timeouts, which are parameters of the connection. */
export const isWithoutLimits = (error: unknown): boolean =>
  Object.hasOwn(serverLimits, parameterRefused(rootOf(error)) ?? "");

/** An error that came through Sequelize or umzug, as a DatabaseUnavailable. Null: the database is usable. */
export function awayOf(error: unknown): DatabaseUnavailable | null {
  const told = errorOf(rootOf(error));
  if (told instanceof DatabaseUnavailable) return told;
  return error instanceof ConnectionError ? unavailable(error) : null;
}

/** A wrong setting that only pg's own errors show. These errors carry no code, so their texts are compared. */
function refusalOfLink(cause: unknown): Refusal | null {
  if (isUntrusted(codeOf(cause))) return CERTIFICATE;
  if (/^(open|read)$/.test(String((cause as NodeJS.ErrnoException | null)?.syscall)) && !hasNoLink(cause)) return FILES;
  if (/verify-ca requires specifying a CA/.test(textOf(cause))) return ["sslrootcert beside sslmode=verify-ca", "none"];
  if (/^The server does not support SSL/.test(textOf(cause))) return NO_TLS;
  return /^SASL:/.test(textOf(cause)) ? LOGIN : null;
}

/**
 * The original error of PostgreSQL or its driver. Sequelize keeps it as `parent`; umzug and DataFlow's errors keep it
 * as `cause`.
 */
function rootOf(error: unknown): unknown {
  const { parent, cause = parent } = (error ?? {}) as { parent?: unknown; cause?: unknown };
  return cause === undefined ? error : rootOf(cause);
}
