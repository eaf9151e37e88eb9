/**
 * Opens the three connections of a database (its lock, its writer, its reader), and the guard that watches its files.
 */
import { DatabaseSync } from "node:sqlite";
import { DatabaseInUse } from "../../errors.ts";
import { namesIn, PLAIN } from "../../schema/names.ts";
import { Guard, lockFileOf } from "./guard.ts";
import type { ThreadData } from "./protocol.ts";
import { Sql } from "./sql.ts";

export interface Files {
  writer: Sql;
  reader: Sql;
  guard: Guard;
  close(): void;
}

export function openFiles({ file, isTemporary, schema = PLAIN }: ThreadData): Files {
  const names = namesIn(schema, "prefix");
  const lock = takeLock(file);
  const writer = new Sql(new DatabaseSync(file, { timeout: 5000, enableForeignKeyConstraints: false }), names);
  // Pages of 8 KiB write 20 % more records/s than 4 KiB. Only a new file takes the size. `secure_delete` overwrites
  // deleted rows: docs/data-protection.md promises that nothing of an erased person stays in the file. Checkpoints run
  // inside a COMMIT. With 1,000 pages, checkpoints delay small commits by 10–30 ms (p99). With 8,000 pages the delay is
  // 130 ms, and nothing is saved.
  writer.db.exec(`PRAGMA page_size = 8192; PRAGMA journal_mode = WAL;
    PRAGMA synchronous = ${isTemporary ? "OFF" : "FULL"};
    PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 67108864;
    PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY;
    PRAGMA secure_delete = ON;`);
  const reader = new Sql(
    new DatabaseSync(file, { timeout: 5000, readOnly: true, enableForeignKeyConstraints: false }),
    names,
  );
  reader.db.exec("PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY;");
  // SQLite creates the WAL file at the first read, and the guard needs it.
  writer.db.exec("SELECT count(*) FROM sqlite_schema");
  const guard = new Guard(file);
  return {
    writer,
    reader,
    guard,
    close() {
      reader.db.close();
      if (!guard.lost) writer.db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      writer.db.close();
      lock.close();
    },
  };
}

/**
 * Locks the database by locking a separate file, because WAL mode uses the locks of the database file itself. The
 * operating system releases the lock when the process ends, however the process ends.
 */
function takeLock(file: string): DatabaseSync {
  const lock = new DatabaseSync(lockFileOf(file));
  try {
    lock.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock.close();
    throw (error as { errcode?: number }).errcode === 5 ? new DatabaseInUse(file) : error;
  }
}
