/** What a database can do to its callers, whatever its dialect. */

/** It cannot be reached, opened or written (disk full, read error, ended thread): the caller answers 503 and may try again. */
export class DatabaseUnavailable extends Error {
  override name = "DatabaseUnavailable";
}

/** Another process holds the file: two would take each other's leases for dead. */
export class DatabaseInUse extends Error {
  override name = "DatabaseInUse";
  constructor(file: string) {
    super(`The database ${file} is in use by another process.`);
  }
}

/** A unique, primary key, NOT NULL or CHECK constraint refused the row. `code` is what Sequelize knows it by. */
export class ConstraintViolation extends Error {
  override name = "ConstraintViolation";
  readonly code = "SQLITE_CONSTRAINT";
}

/** Also true for what Sequelize made of it: there the cause is the error's `parent`. */
export function isUnavailable(error: unknown): boolean {
  return (
    error instanceof DatabaseUnavailable ||
    (error as { parent?: unknown } | null)?.parent instanceof DatabaseUnavailable
  );
}
