/** Queries a SQLite file that is not DataFlow's own. Other programs use the file too, so no connection stays open. */
import { existsSync } from "node:fs";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import { DatabaseUnavailable } from "../../errors.ts";

/** SQLITE_BUSY and SQLITE_LOCKED, as base codes: another process may be writing the file. */
const BUSY = new Set([5, 6]);
const BUSY_MS = 2_000;
const PAUSE_MS = 20;

interface SqliteError extends Error {
  errcode?: number;
}

const baseCode = (error: unknown): number => ((error as SqliteError).errcode ?? 0) & 0xff;
/** SQLITE_ERROR, CONSTRAINT, MISMATCH, RANGE: errors of the statement, not of the file. */
const OF_STATEMENT = new Set([1, 19, 20, 25]);

/**
 * Answers the rows of one statement, whose parameters are numbered. Throws DatabaseUnavailable if the file cannot be
 * used, and SQLite's error if the statement is wrong.
 */
export async function askFile(file: string, text: string, values: readonly unknown[]): Promise<unknown[]> {
  for (const beganAt = performance.now(); ; await pause(PAUSE_MS)) {
    // SQLite would create a missing file.
    if (!existsSync(file)) throw new DatabaseUnavailable("The database cannot be used (no file).");
    try {
      return askOnce(file, text, values);
    } catch (error) {
      if (BUSY.has(baseCode(error)) && performance.now() - beganAt < BUSY_MS) continue;
      if (OF_STATEMENT.has(baseCode(error))) throw error;
      const isLocked = BUSY.has(baseCode(error));
      throw new DatabaseUnavailable(`The database cannot be used (${baseCode(error)}).`, { cause: error, isLocked });
    }
  }
}

function askOnce(file: string, text: string, values: readonly unknown[]): unknown[] {
  // The timeout is 0, because a wait inside SQLite would block this whole thread, and with it the process.
  const db = new DatabaseSync(file, { timeout: 0 });
  try {
    const named = Object.fromEntries(values.map((value, i) => [`$${i + 1}`, value as SQLInputValue]));
    return db.prepare(text).all(named);
  } finally {
    db.close();
  }
}
