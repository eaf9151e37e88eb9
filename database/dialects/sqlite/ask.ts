/** Asks a file that is not DataFlow's own. Others have it open too, so nothing of it is kept. */
import { existsSync } from "node:fs";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import { DatabaseUnavailable } from "../../errors.ts";

/** Another process may be writing: SQLITE_BUSY and its kin, without their extended part. */
const BUSY = new Set([5, 6]);
const BUSY_MS = 2_000;
const PAUSE_MS = 20;

interface SqliteError extends Error {
  errcode?: number;
}

const baseCode = (error: unknown): number => ((error as SqliteError).errcode ?? 0) & 0xff;
/** What a statement itself can be wrong about: SQLITE_ERROR, CONSTRAINT, MISMATCH, RANGE. */
const OF_STATEMENT = new Set([1, 19, 20, 25]);

/** The rows of one statement, with its parameters by their numbers. Throws DatabaseUnavailable. */
export async function askFile(file: string, text: string, values: readonly unknown[]): Promise<unknown[]> {
  for (const beganAt = performance.now(); ; await pause(PAUSE_MS)) {
    // SQLite would make a file that is not there.
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
  // No wait in SQLite itself: it would be one of the whole process.
  const db = new DatabaseSync(file, { timeout: 0 });
  try {
    const named = Object.fromEntries(values.map((value, i) => [`$${i + 1}`, value as SQLInputValue]));
    return db.prepare(text).all(named);
  } finally {
    db.close();
  }
}
