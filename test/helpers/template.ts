/**
 * An empty, migrated SQLite file, made once for each state of database/. Without it each test and each node would spend half a
 * second on migrations.
 */
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "../../database/database.ts";
import { kept } from "./kept.ts";

/** Makes the template, and sets TEST_SQLITE_TEMPLATE to its path. */
export async function makeTemplate(): Promise<void> {
  process.env.TEST_SQLITE_TEMPLATE = await kept(["database/**/*.ts"], ".db", make);
}

async function make(path: string): Promise<void> {
  const own = mkdtempSync(join(tmpdir(), "dataflow-template-"));
  const made = join(own, "template.db");
  const db = await openDatabase({ url: `sqlite:${made}` });
  await db.migrate();
  await db.close();
  copyFileSync(made, path);
  rmSync(own, { recursive: true });
}

/** Copies the template to this path. */
export function copyTemplate(to: string): void {
  copyFileSync(process.env.TEST_SQLITE_TEMPLATE as string, to);
}
