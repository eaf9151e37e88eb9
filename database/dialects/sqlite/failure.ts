/** SQLite's errors, on their way from its thread to the caller. */
import { ConstraintViolation, DatabaseInUse, DatabaseUnavailable } from "../../errors.ts";

export interface Failure {
  kind: "unavailable" | "constraint" | "in-use" | "other";
  message: string;
  /** Of `unavailable`: it may have been done nevertheless. */
  isUnknown?: boolean;
}

const CONSTRAINT = 19;
/** BUSY, READONLY, IOERR, FULL, CANTOPEN, PROTOCOL: the file or its disk, not the statement. */
const away = new Set([5, 8, 10, 13, 14, 15]);

export function failureOf(error: unknown): Failure {
  const { errcode, errstr, message } = error as { errcode?: number; errstr?: string; message?: string };
  if (error instanceof DatabaseUnavailable)
    return { kind: "unavailable", message: error.message, isUnknown: error.isUnknown };
  if (error instanceof DatabaseInUse) return { kind: "in-use", message: error.message };
  const primary = (errcode ?? 0) & 0xff;
  // `errstr` names the fault and no path.
  if (away.has(primary)) return { kind: "unavailable", message: `The database cannot be used: ${errstr}.` };
  if (primary === CONSTRAINT) return { kind: "constraint", message: message ?? "constraint failed" };
  return { kind: "other", message: message ?? String(error) };
}

export function errorOf({ kind, message, isUnknown = false }: Failure): Error {
  switch (kind) {
    case "unavailable":
      return new DatabaseUnavailable(message, { isUnknown });
    case "constraint":
      return new ConstraintViolation(message);
    case "in-use":
      return Object.assign(new DatabaseInUse(""), { message });
    case "other":
      return new Error(message);
    default:
      return kind satisfies never;
  }
}
