/** What a database can do to its callers, whatever its dialect. SQLite's thread needs them too, and does without Sequelize. */

/** It cannot be reached, opened or written (disk full, read error, ended thread): the caller answers 503 and may try again. */
export class DatabaseUnavailable extends Error {
  override name = "DatabaseUnavailable";
  /** The unit was sent, and its answer did not come: it may be done, and may still be under way. */
  readonly isUnknown: boolean;
  constructor(message: string, { isUnknown = false, cause }: { isUnknown?: boolean; cause?: unknown } = {}) {
    super(message, { cause });
    this.isUnknown = isUnknown;
  }
}

/** A connection answered another question than it was asked. It is closed, and what it was asked may have been done. */
export class BrokenLink extends DatabaseUnavailable {
  override name = "BrokenLink";
  constructor() {
    super("The database's answer belongs to another question.", { isUnknown: true });
  }
}

/** It is there, and will never let us in with these settings. */
export class DatabaseRefused extends Error {
  override name = "DatabaseRefused";
  readonly expected: string;
  readonly found: string;
  /** A server that has just started says the same of a database that it has not opened yet. */
  readonly mayPass: boolean;
  constructor(expected: string, found: string, mayPass = false) {
    super(`Expected ${expected}; found ${found}.`);
    this.expected = expected;
    this.found = found;
    this.mayPass = mayPass;
  }
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

/** Of an error that `isUnavailable`: what was asked may have been done nevertheless. */
export const isUnknown = (error: unknown): boolean =>
  [error, (error as { parent?: unknown } | null)?.parent].some(
    (one) => one instanceof DatabaseUnavailable && one.isUnknown,
  );
