import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Database, openDatabase } from "../../database/database.ts";

export interface TestDatabase {
  db: Database;
  url: string;
  /** The database's file, where it has one. */
  file: string;
  /** Closes and deletes it. */
  remove(): Promise<void>;
}

/** A migrated SQLite database of its own, in a real file with real commits. */
export async function freshDatabase(): Promise<TestDatabase> {
  const folder = await mkdtemp(join(tmpdir(), "dataflow-test-"));
  const file = join(folder, "test.db");
  const url = `sqlite:${file}`;
  const db = await openDatabase({ url });
  await db.migrate();
  return {
    db,
    url,
    file,
    async remove() {
      await db.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
