/**
 * Errors of PgBouncer and other connection poolers. A pooler uses one code (08P01) for all its own errors and also for
 * errors of the server that it passes on. So the texts of the errors are compared.
 */
const CODE = "08P01";

type Refusal = readonly [expected: string, found: string];

/**
 * Errors that mean a wrong setting, which a retry cannot fix. Other errors with this code may pass: no free connection,
 * a server that is away, a reload.
 */
const refusals: [RegExp, Refusal][] = [
  [/^no such database\b|database ".*" does not exist/, ["a database that exists", "none of that name"]],
  [
    /authentication failed|^no such user\b|role ".*" does not exist/,
    ["a user and password that the server accepts", "a login that it refuses"],
  ],
  [/^SSL required/, ["sslmode=require, for the server wants it", "none"]],
];

const textOf = (error: unknown): string => {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  return code === CODE ? String(message) : "";
};

export const refusalOfPooler = (error: unknown): Refusal | null =>
  refusals.find(([text]) => text.test(textOf(error)))?.[1] ?? null;

/** The connection parameter that the pooler refuses. Null: the error means something else. */
export const parameterRefused = (error: unknown): string | null =>
  /^unsupported startup parameter(?: in options)?: (\w+)/.exec(textOf(error))?.[1] ?? null;

export const hasNoRoom = (error: unknown): boolean =>
  /^no more connections allowed|connections exceeded/.test(textOf(error));

/** Whether a prepared statement is missing or exists already: the pooler has switched to another server connection. */
export const isElsewhere = (error: unknown): boolean =>
  ["26000", "42P05"].includes(String((error as { code?: unknown } | null)?.code));
