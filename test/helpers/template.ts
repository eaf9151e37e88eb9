/**
 * An empty, migrated file of SQLite: half a second of steps that each test and each node would repeat. It is made once for
 * each state of database/.
 */
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "../../database/database.ts";
import { kept } from "./kept.ts";

/** Its path is in TEST_SQLITE_TEMPLATE from then on. */
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

/** Puts a copy at this path. */
export function copyTemplate(to: string): void {
  copyFileSync(process.env.TEST_SQLITE_TEMPLATE as string, to);
}
