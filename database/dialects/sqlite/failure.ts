/** Errors of SQLite as plain objects, so that the thread can send them to the caller. */
import { ConstraintViolation, DatabaseInUse, DatabaseUnavailable, TableFailure } from "../../errors.ts";

export interface Failure {
  kind: "unavailable" | "constraint" | "in-use" | "table" | "other";
  message: string;
  /** For `unavailable`: whether the unit may have taken effect nevertheless. */
  isOutcomeUnknown?: boolean;
  /** For `unavailable`: whether another connection is writing the file. */
  isLocked?: boolean;
  /** For `table`: the kind of failure, and SQLite's code. */
  table?: Pick<TableFailure, "kind" | "state">;
}

const CONSTRAINT = 19;
const BUSY = 5;
/** BUSY, READONLY, IOERR, FULL, CANTOPEN, PROTOCOL: faults of the file or its disk, not of the statement. */
const away = new Set([BUSY, 8, 10, 13, 14, 15]);

export function failureOf(error: unknown): Failure {
  const { errcode, errstr, message } = error as { errcode?: number; errstr?: string; message?: string };
  if (error instanceof DatabaseUnavailable)
    return { kind: "unavailable", message: error.message, isOutcomeUnknown: error.isOutcomeUnknown };
  if (error instanceof TableFailure)
    return { kind: "table", message: error.message, table: { kind: error.kind, state: error.state } };
  if (error instanceof DatabaseInUse) return { kind: "in-use", message: error.message };
  const primary = (errcode ?? 0) & 0xff;
  // The message has `errstr`, which names the fault without the file's path.
  if (away.has(primary)) {
    const message = `The database cannot be used: ${errstr}.`;
    return { kind: "unavailable", message, ...(primary === BUSY && { isLocked: true }) };
  }
  if (primary === CONSTRAINT) return { kind: "constraint", message: message ?? "constraint failed" };
  return { kind: "other", message: message ?? String(error) };
}

export function errorOf({ kind, message, isOutcomeUnknown = false, isLocked = false, table }: Failure): Error {
  switch (kind) {
    case "unavailable":
      return new DatabaseUnavailable(message, { isOutcomeUnknown, isLocked });
    case "constraint":
      return new ConstraintViolation(message);
    case "in-use":
      return Object.assign(new DatabaseInUse(""), { message });
    case "table":
      return new TableFailure(table?.kind ?? "busy", table?.state ?? "", message);
    case "other":
      return new Error(message);
    default:
      return kind satisfies never;
  }
}
