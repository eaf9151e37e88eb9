/** Translates errors of SQL Server and its driver into the errors that callers know (database/errors.ts). */
import { ConnectionError as SequelizeConnectionError } from "sequelize";
import { isUntrusted } from "../../../lib/net/server-kind.ts";
import { ConstraintViolation, DatabaseRefused, DatabaseUnavailable } from "../../errors.ts";

/**
 * Error numbers of transient errors: deadlock victim, lock timeout, snapshot conflict. A retry of the unit may succeed
 * at once.
 */
const transient = new Set([1205, 1222, 3960]);
/** Error numbers of a duplicate key: a row with the same unique key exists. */
const duplicate = new Set([2601, 2627]);
/**
 * Error numbers of a violated constraint: a unique key, a NOT NULL column without a value, a CHECK or a foreign key.
 */
const constraint = new Set([...duplicate, 515, 547]);
/**
 * Error numbers of a server that cannot work now: no disk, log, memory or locks left; read-only, starting, stopping,
 * failing over; too many connections.
 */
const away = new Set([
  701, 802, 845, 921, 922, 927, 942, 952, 976, 978, 983, 1101, 1105, 1204, 3906, 3908, 5123, 5149, 6005, 8645, 8651,
  9001, 9002, 10928, 10929, 17809, 18401, 40197, 40501, 40544, 40613, 49918, 49919, 49920,
]);
/** From this severity class on, the server closes the connection after the error. */
const FATAL_CLASS = 20;
/** Error numbers of a session that was ended: by KILL, or because the server stops. */
const ended = new Set([596, 6005]);

const network =
  /^(ECONN|EPIPE|ESOCKET|ETIMEOUT|ETIMEDOUT|ECLOSE|EHOSTUNREACH|ENETUNREACH|EADDR|ENOTFOUND|EAI_|ENOTOPEN|EINSTLOOKUP|EINVALIDSTATE|ERR_STREAM|ERR_SSL|ERR_SOCKET|EPROTO)/;
/**
 * Texts of errors without a code: the driver (tedious) has none for a connection that ends in the middle of a message.
 */
const brokenText =
  /unexpected end of message stream|socket hang up|Connection lost|Connection was closed|premature close/i;

const LOGIN = ["a user and password that the server accepts", "a login that it refuses"] as const;
const RIGHTS = ["a user who may use its database, schema and tables", "one to whom they are not open"] as const;
const DATABASE = [
  "a database that exists, and that the user may open",
  "none of that name that is open to it",
] as const;
const CERTIFICATE = [
  "a server whose certificate is trusted (or trustServerCertificate=true, where nobody can come between)",
  "a certificate that is not",
] as const;
const ENCRYPT = ["encrypt=true, for the server wants it", "encrypt=false"] as const;
type Refusal = readonly [expected: string, found: string];

/** Wrong settings, which retrying cannot fix, by the server's error number. */
const refusals: Record<number, Refusal> = {
  229: RIGHTS,
  230: RIGHTS,
  262: RIGHTS,
  297: RIGHTS,
  300: RIGHTS,
  911: DATABASE,
  916: DATABASE,
  1088: RIGHTS,
  2760: RIGHTS,
  4060: DATABASE,
  4064: DATABASE,
  15247: RIGHTS,
  18452: LOGIN,
  18456: LOGIN,
  18470: LOGIN,
  18486: LOGIN,
  18487: LOGIN,
  18488: LOGIN,
};

interface Raised {
  name?: unknown;
  message?: unknown;
  code?: unknown;
  number?: unknown;
  class?: unknown;
}

/**
 * The error and its causes. mssql keeps a cause as `originalError` and `info`, Sequelize as `parent`, DataFlow's errors
 * as `cause`.
 */
function chainOf(error: unknown, depth = 0): Raised[] {
  if (typeof error !== "object" || error === null || depth > 6) return [];
  const { originalError, info, parent, cause, errors } = error as Record<string, unknown>;
  const inner = [originalError, info, parent, cause, ...(Array.isArray(errors) ? errors : [])];
  return [error as Raised, ...inner.flatMap((one) => chainOf(one, depth + 1))];
}

/**
 * The server's error number. If there are several errors, the number of the first. The driver also stores codes of its
 * own in `number`.
 */
export function numberOf(error: unknown): number | null {
  const [first = error] = (error as { precedingErrors?: unknown[] } | null)?.precedingErrors ?? [];
  const raised = chainOf(first).find(({ number }) => typeof number === "number" && number > 0);
  return (raised?.number as number | undefined) ?? null;
}

const codesOf = (error: unknown): string[] =>
  chainOf(error).flatMap(({ code }) => (typeof code === "string" ? [code] : []));
const textsOf = (error: unknown): string[] => chainOf(error).map(({ message }) => String(message ?? ""));

/** The most specific code of an error, for a message. The code names neither host nor user. */
export const codeOf = (error: unknown): string =>
  String(numberOf(error) ?? codesOf(error).findLast((code) => /^[A-Z_0-9]{2,40}$/.test(code)) ?? "connection");

/** Tables in which two units may insert the same new key at the same time. A retry sees which unit has the key. */
const keyTable = /idempotency_key|content_key|record_key|client_queue|client_usage|batch_lock|order_lane/;
export const isDuplicate = (error: unknown): boolean => duplicate.has(numberOf(error) ?? 0);
const isKeyTaken = (error: unknown): boolean => isDuplicate(error) && keyTable.test(withoutValues(error));

export const isTransient = (error: unknown): boolean => transient.has(numberOf(error) ?? 0) || isKeyTaken(error);

/**
 * Whether a temporary table is missing: its connection was replaced after its rows were loaded, before the batch read
 * them.
 */
export const isLost = (error: unknown): boolean =>
  numberOf(error) === 208 && textsOf(error).some((text) => text.includes("#"));

/** Whether nothing was sent, because there was no connection, or none was free. */
const isUnsent = (error: unknown): boolean =>
  chainOf(error)[0]?.name === "ConnectionError" ||
  /^Failed to acquire a connection/.test(textsOf(error)[0] ?? "") ||
  codesOf(error).includes("EINVALIDSTATE");

const hasNoLink = (error: unknown): boolean =>
  codesOf(error).some((code) => network.test(code)) || textsOf(error).some((text) => brokenText.test(text));

const isFatal = (error: unknown): boolean =>
  ended.has(numberOf(error) ?? 0) ||
  chainOf(error).some((raised) => typeof raised.class === "number" && raised.class >= FATAL_CLASS);

/** Whether the outcome of the statement is unknown: its answer was lost, or came too late. */
export const isCut = (error: unknown): boolean =>
  !(error instanceof DatabaseUnavailable) &&
  !isUnsent(error) &&
  (isFatal(error) || (numberOf(error) === null && hasNoLink(error)));

export const isAway = (error: unknown): boolean =>
  isUnsent(error) || isFatal(error) || away.has(numberOf(error) ?? 0) || (numberOf(error) === null && hasNoLink(error));

/** Translates an error for callers. The new message names what failed, but no host, user or values. */
export function errorOf(error: unknown): unknown {
  if (error instanceof DatabaseUnavailable) return error;
  if (isTransient(error) || isAway(error)) return unavailable(error);
  if (constraint.has(numberOf(error) ?? 0)) return new ConstraintViolation(withoutValues(error));
  return error;
}

/** The error's text without the values of the duplicate key, which SQL Server adds. */
function withoutValues(error: unknown): string {
  const text = textsOf(error)[0] ?? "";
  return text.replace(/\s*The duplicate key value is[\s\S]*$/, "");
}

/**
 * Makes a DatabaseUnavailable: for a connection that could not be opened (nothing was sent), or with `isOutcomeUnknown`
 * for a lost answer.
 */
export const unavailable = (error: unknown, isOutcomeUnknown = false): DatabaseUnavailable =>
  new DatabaseUnavailable(`The database cannot be used (${codeOf(error)}).`, { cause: error, isOutcomeUnknown });

/** The error as a wrong setting that an operator must change. Null if a retry may help. */
export function refusalOf(error: unknown): DatabaseRefused | null {
  const refusal = refusals[numberOf(error) ?? 0] ?? refusalOfLogin(error) ?? refusalOfLink(error);
  return refusal ? new DatabaseRefused(...refusal, refusal === DATABASE) : null;
}

/** An error that came through Sequelize or umzug, as a DatabaseUnavailable. Null: the database is usable. */
export function awayOf(error: unknown): DatabaseUnavailable | null {
  const told = errorOf(error);
  if (told instanceof DatabaseUnavailable) return told;
  return error instanceof SequelizeConnectionError ? unavailable(error) : null;
}

/**
 * A refused login as a wrong setting. The driver keeps only the text of the error, and this compares the English text.
 * For other languages lanes.ts keeps the number.
 */
function refusalOfLogin(error: unknown): Refusal | null {
  if (!codesOf(error).includes("ELOGIN")) return null;
  const text = textsOf(error).join("\n");
  if (/Cannot open (user default )?database/i.test(text)) return DATABASE;
  const isTransientState = /upgrade mode|single user mode|shutting down|starting|maximum|not currently available/i.test(
    text,
  );
  return /Login failed|password authentication failed/i.test(text) && !isTransientState ? LOGIN : null;
}

function refusalOfLink(error: unknown): Refusal | null {
  const codes = codesOf(error);
  if (codes.some(isUntrusted)) return CERTIFICATE;
  return codes.includes("EENCRYPT") ? ENCRYPT : null;
}
