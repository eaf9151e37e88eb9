/**
 * Finds or creates the file of a SQLite database. Two processes must use the same lock for the same file, so a file is
 * known by its one real path: symbolic links are followed, and a file with a second name (a hard link) is refused.
 */
import { chmod, lstat, mkdir, mkdtemp, open, readlink, realpath, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileOf, tokenFileOf } from "../../../config/urls.ts";
import type { Logger } from "../../dialect.ts";
import { DatabaseRefused } from "../../errors.ts";
import { lockFileOf, shmFileOf, walFileOf } from "./guard.ts";

export interface Place {
  /** The real path of the file. */
  file: string;
  isTemporary: boolean;
  remove(): Promise<void>;
}

const OWNER_ONLY = 0o600;
const FOLDER_OF_OWNER = 0o700;
const USABLE_FILE = "a file of SQLite that can be opened and written";
/** The permission bits of the group and of all others. */
const OTHERS = 0o077;

/**
 * Answers the file that `url` names. Creates an empty file if it is missing, readable by its owner alone. Throws
 * DatabaseRefused for a file that must not be opened, and the errors of the file system.
 */
export async function placeOf(url: string, logger?: Logger): Promise<Place> {
  const named = fileOf(url);
  if (named === null) return temporaryPlace();
  await makeFolder(dirname(named));
  const file = await realNameOf(named);
  await refuseOtherThanOneFile(file);
  await refuseLostDatabase(file, tokenFileOf(named));
  for (const path of [file, lockFileOf(file)]) await createUnlessThere(path);
  if (process.platform !== "win32")
    for (const path of [file, lockFileOf(file), walFileOf(file), shmFileOf(file)]) await closeToOthers(path, logger);
  return { file, isTemporary: false, remove: async () => undefined };
}

/**
 * A place for `:memory:`: a file in the temporary folder. Two connections that share a database in memory would lock
 * each other's tables.
 */
async function temporaryPlace(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), "dataflow-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  return { file: join(folder, "memory.db"), isTemporary: true, remove };
}

/**
 * Makes a folder and its parents, like `mkdir -p`. Node's own `recursive` option never returns if the system answers
 * ENOENT for a folder whose parent exists.
 */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdirUnlessThere(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT" || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await mkdirUnlessThere(path);
  }
}

/** Makes a folder. Does nothing if the folder exists, even if another process has just made it. */
const mkdirUnlessThere = (path: string) => mkdir(path, { mode: FOLDER_OF_OWNER }).catch(unless("EEXIST"));

/** The real path of a file. A new file has no real path yet, so its folder's real path is used. */
async function realNameOf(named: string): Promise<string> {
  const real = await realpath(named).catch(unless("ENOENT"));
  if (real) return real;
  if (await readlink(named).catch(unless("ENOENT", "EINVAL")))
    throw new DatabaseRefused(USABLE_FILE, "a symbolic link to a file that is not there");
  return join(await realpath(dirname(named)), basename(named));
}

/**
 * Refuses a path that is no regular file with a single name. SQLite names the WAL file after the path by which the
 * database was opened, and two paths would give two WAL files, which corrupt the database.
 */
async function refuseOtherThanOneFile(file: string): Promise<void> {
  const found = await stat(file).catch(unless("ENOENT"));
  if (!found) return;
  if (!found.isFile()) throw new DatabaseRefused(USABLE_FILE, "a folder, or something else that is no file");
  if (found.nlink > 1)
    throw new DatabaseRefused(
      "a file with one name",
      `one with ${found.nlink} (hard links): delete the other names, or make a copy of the file and delete this name`,
    );
}

/**
 * Refuses to create a database beside the token or the WAL file of an earlier database: a new empty database would hide
 * that the earlier one is lost.
 */
async function refuseLostDatabase(file: string, tokenFile: string): Promise<void> {
  if ((await sizeOf(file)) > 0) return;
  const logFile = walFileOf(file);
  const left = [
    ...((await sizeOf(tokenFile)) > 0 ? [tokenFile] : []),
    ...((await sizeOf(logFile)) > 0 ? [logFile] : []),
  ];
  if (left.length === 0) return;
  const names = left.map((path) => basename(path)).join(" and ");
  throw new DatabaseRefused(
    `the database to which ${names} beside it belongs`,
    `no file, or an empty one: put the database back, or delete ${names} to begin with a new one`,
  );
}

/**
 * Creates an empty file unless the file exists. An existing file is never opened: closing it would release all locks
 * that this process has on it (POSIX).
 */
async function createUnlessThere(path: string): Promise<void> {
  const made = await open(path, "wx", OWNER_ONLY).catch(unless("EEXIST"));
  await made?.close();
}

/**
 * Takes away a file's permissions for its group and all others. The files that SQLite creates beside a database get the
 * permissions of the database. A symbolic link is left alone, because its target may not be DataFlow's.
 */
async function closeToOthers(path: string, logger?: Logger): Promise<void> {
  if (((await modeOfFile(path)) & OTHERS) === 0) return;
  await chmod(path, OWNER_ONLY).catch(unless("EPERM", "ENOENT", "EROFS", "ENOTSUP"));
  const mode = await modeOfFile(path);
  if ((mode & OTHERS) !== 0)
    logger?.warn(`Others may read or write ${path} (mode ${(mode & 0o777).toString(8)}), and it cannot be changed.`);
}

/** The permission bits of a file. 0 if the file does not exist. */
async function modeOfFile(path: string): Promise<number> {
  const found = await lstat(path).catch(unless("ENOENT"));
  return found?.isFile() ? found.mode : 0;
}

const sizeOf = async (path: string) => (await stat(path).catch(unless("ENOENT")))?.size ?? 0;

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code ?? "";

/** Makes a handler for `catch` that turns an error with one of these codes into null. */
const unless =
  (...codes: string[]) =>
  (error: unknown): null => {
    if (codes.includes(codeOf(error))) return null;
    throw error;
  };
