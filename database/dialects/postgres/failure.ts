/** What PostgreSQL and its connection throw, as our callers know it. */
import { ConstraintViolation, DatabaseUnavailable } from "../../errors.ts";

/** Serialization failure, deadlock, lock not available: the same unit may succeed at once. */
const passing = new Set(["40001", "40P01", "55P03"]);
/** 08 connection, 53 resources (disk full, too many connections), 57P shutdown, 58 system, 25P03/25006 session ended or read-only. */
const away = /^(08|53|57P|58|25P03|25006)/;
const network = /^(ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_)/;

const codeOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? "");

/** Two at once had the same new key: the next look at it shows whose it is. */
const keyTables = new Set(["idempotency_key", "content_key"]);
const isKeyTaken = (error: unknown): boolean =>
  codeOf(error) === "23505" && keyTables.has(String((error as { table?: unknown }).table));

export const isPassing = (error: unknown): boolean => passing.has(codeOf(error)) || isKeyTaken(error);

/** pg's own errors of a lost or missing connection carry no code. */
function isAway(error: unknown): boolean {
  const code = codeOf(error);
  if (away.test(code) || network.test(code)) return true;
  return /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered)/.test(
    String((error as Error | null)?.message),
  );
}

/** Named by what failed, without host, user or statement. */
export function errorOf(error: unknown): unknown {
  if (error instanceof DatabaseUnavailable) return error;
  const code = codeOf(error);
  if (isAway(error) || isPassing(error))
    return new DatabaseUnavailable(`The database cannot be used (${code || "connection"}).`, { cause: error });
  if (code.startsWith("23")) return new ConstraintViolation((error as Error).message);
  return error;
}
