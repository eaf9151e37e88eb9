/** The errors that every dialect throws. This file must not import Sequelize, because SQLite's thread loads it too. */

/** The database cannot be reached, opened or written (disk full, read error, ended thread). Callers answer 503; retrying may help. */
export class DatabaseUnavailable extends Error {
  override name = "DatabaseUnavailable";
  /** The unit was sent and its answer was lost: it may have taken effect, and it may still be running on the server. */
  readonly isOutcomeUnknown: boolean;
  /** The database exists, but another program has locked it for too long. */
  readonly isLocked: boolean;
  constructor(
    message: string,
    {
      isOutcomeUnknown = false,
      isLocked = false,
      cause,
    }: { isOutcomeUnknown?: boolean; isLocked?: boolean; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.isOutcomeUnknown = isOutcomeUnknown;
    this.isLocked = isLocked;
  }
}

/** A connection gave the answer to another query. The connection is closed. The query itself may have taken effect. */
export class MismatchedAnswer extends DatabaseUnavailable {
  override name = "MismatchedAnswer";
  constructor() {
    super("The database's answer belongs to another question.", { isOutcomeUnknown: true });
  }
}

/**
 * The company's own table cannot take a chunk now, and nothing was written. `busy`: another program has locked its rows, or the
 * time was too short; a retry may succeed soon. `gone`: a table, column or right is missing; an operator has to act.
 */
export class TableFailure extends Error {
  override name = "TableFailure";
  readonly kind: "busy" | "gone";
  /** The server's own code. */
  readonly state: string;
  constructor(kind: "busy" | "gone", state: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
    this.state = state;
  }
}

/** The server answers, but refuses these settings. Retrying cannot help. */
export class DatabaseRefused extends Error {
  override name = "DatabaseRefused";
  readonly expected: string;
  readonly found: string;
  /** The refusal may pass: a server that has just started refuses a database that it has not opened yet. */
  readonly mayPass: boolean;
  constructor(expected: string, found: string, mayPass = false) {
    super(`Expected ${expected}; found ${found}.`);
    this.expected = expected;
    this.found = found;
    this.mayPass = mayPass;
  }
}

/** Another process uses the file. Two processes on one file would take over each other's leases. */
export class DatabaseInUse extends Error {
  override name = "DatabaseInUse";
  constructor(file: string) {
    super(`The database ${file} is in use by another process.`);
  }
}

/** A unique, primary key, NOT NULL or CHECK constraint refused the row. Sequelize recognizes it by `code`. */
export class ConstraintViolation extends Error {
  override name = "ConstraintViolation";
  readonly code = "SQLITE_CONSTRAINT";
}

/** Whether the unit may have taken effect although it threw this error. */
export const isOutcomeUnknown = (error: unknown): boolean =>
  [error, (error as { parent?: unknown } | null)?.parent].some(
    (one) => one instanceof DatabaseUnavailable && one.isOutcomeUnknown,
  );
