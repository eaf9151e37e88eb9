/** Opens the three connections of a database (its lock, its writer, its reader) and the guard of their files. */
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
  // 8 KiB pages: 20 % more records/s than 4 KiB. Only a new file takes the size.
  // Deleted rows are overwritten: docs/data-protection.md promises that nothing of an erased person stays in the file.
  // Checkpoints run inside a COMMIT: at 1,000 pages they hold up small commits for 10-30 ms (p99), at 8,000 for 130, and save nothing.
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
 * Locks a separate file, because WAL mode uses the locks of the database file itself. The operating system releases the lock
 * when the process ends, however it ends.
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
