/**
 * An empty, migrated file of SQLite: half a second of steps that each test and each node would repeat. It is made once for
 * each state of database/, and kept beside what else tools keep of a working copy.
 */
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "../../database/database.ts";
import { root } from "../../root.cjs";

const folder = join(root, "node_modules/.cache/dataflow-test");

/** By all that says what a new file is like. */
function fileOfNow(): string {
  const hash = createHash("sha256");
  const database = join(root, "database");
  for (const name of readdirSync(database, { recursive: true, encoding: "utf8" }).sort())
    if (name.endsWith(".ts")) hash.update(name).update(readFileSync(join(database, name)));
  return join(folder, `${hash.digest("hex").slice(0, 32)}.db`);
}

/** A run that is under way may still copy the file of another state. */
const A_DAY_MS = 86_400_000;

function removeOld(): void {
  for (const name of readdirSync(folder)) {
    const file = join(folder, name);
    const found = statSync(file, { throwIfNoEntry: false });
    if (found && found.mtimeMs < Date.now() - A_DAY_MS) rmSync(file, { recursive: true, force: true });
  }
}

/** Makes it, where there is none of now; those that no run has used for a day go. Its path is in TEST_SQLITE_TEMPLATE from then on. */
export async function makeTemplate(): Promise<void> {
  const file = fileOfNow();
  process.env.TEST_SQLITE_TEMPLATE = file;
  if (existsSync(file)) return utimesSync(file, new Date(), new Date());
  const own = mkdtempSync(join(tmpdir(), "dataflow-template-"));
  const made = join(own, "template.db");
  const db = await openDatabase({ url: `sqlite:${made}` });
  await db.migrate();
  await db.close();
  mkdirSync(folder, { recursive: true });
  removeOld();
  // Under its name only when it is whole: another run may look for it.
  copyFileSync(made, `${file}.${process.pid}`);
  renameSync(`${file}.${process.pid}`, file);
  rmSync(own, { recursive: true });
}

/** Puts a copy at this path. */
export function copyTemplate(to: string): void {
  copyFileSync(process.env.TEST_SQLITE_TEMPLATE as string, to);
}
