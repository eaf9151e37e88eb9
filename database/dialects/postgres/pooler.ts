/**
 * PgBouncer's own words, and those of others that share connections among clients. It has one code for all of them (08P01), under
 * which it also hands on what the server said to it.
 */
const CODE = "08P01";

type Refusal = readonly [expected: string, found: string];

/** What no waiting heals. All else under that code may pass: no free connection, a server that is away, a reload. */
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

/** The parameter of the connection that it does not take; null: that is not what is wrong. */
export const parameterRefused = (error: unknown): string | null =>
  /^unsupported startup parameter(?: in options)?: (\w+)/.exec(textOf(error))?.[1] ?? null;

export const hasNoRoom = (error: unknown): boolean =>
  /^no more connections allowed|connections exceeded/.test(textOf(error));

/** A statement that was prepared is on another connection of the server's than the one that this client was given now. */
export const isElsewhere = (error: unknown): boolean =>
  ["26000", "42P05"].includes(String((error as { code?: unknown } | null)?.code));
