/** PostgreSQL's errors, as SQL Server would number and word them. */

export const numbers: Record<string, number> = { "40P01": 1205, "23505": 2627 };

/** The number of an error that a trigger raises. */
export const RAISED = 50_000;
/** SQL Server's numbers of all errors that the writer of a table knows, by PostgreSQL's codes. */
const more: Record<string, number> = {
  ...numbers,
  "22P02": 245,
  "22007": 241,
  "22008": 242,
  "22003": 8115,
  "22001": 2628,
  "23502": 515,
  "23503": 547,
  "23514": 547,
  "42P01": 208,
  "42703": 207,
  "42501": 229,
  P0001: RAISED,
};

/** PostgreSQL's error with the number that SQL Server would give it. */
export function asNumbered(error: unknown): unknown {
  const { code, message } = error as { code?: string; message?: string };
  const number = more[code ?? ""];
  return number === undefined ? error : Object.assign(new Error(message), { number });
}

/** PostgreSQL's error with the number and the text that SQL Server would give it. */
export function withText(error: unknown): unknown {
  const { code, table } = error as { code?: string; table?: string };
  const number = numbers[code ?? ""];
  if (number === undefined) return error;
  return Object.assign(new Error(`Cannot insert duplicate key in object 'dbo.${table}'.`), { number });
}
