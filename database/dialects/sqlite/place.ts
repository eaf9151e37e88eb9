/**
 * Where a database of SQLite lies. Every process has to find the same lock for the same file, so the file is known by its
 * one real name: symbolic links are followed, and a file with a second name (a hard link) is refused.
 */
import { chmod, lstat, mkdir, mkdtemp, open, readlink, realpath, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileOf, indexFileOf, lockFileOf, logFileOf, tokenFileOf } from "../../beside.ts";
import type { Logger } from "../../dialect.ts";
import { DatabaseRefused } from "../../errors.ts";

export interface Place {
  /** Its real path. */
  file: string;
  isTemporary: boolean;
  remove(): Promise<void>;
}

const OWNER_ONLY = 0o600;
const FOLDER_OF_OWNER = 0o700;
const USABLE_FILE = "a file of SQLite that can be opened and written";
/** What the group and all others may do. */
const OTHERS = 0o077;

/**
 * The file that `url` names: created empty where there was none, readable by its owner alone. Throws DatabaseRefused for a
 * file that must not be opened, and what the file system throws.
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
    for (const path of [file, lockFileOf(file), logFileOf(file), indexFileOf(file)]) await closeToOthers(path, logger);
  return { file, isTemporary: false, remove: async () => undefined };
}

/** `:memory:` is a file in the temporary folder: two connections cannot share a database in memory without its table locks. */
async function temporaryPlace(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), "dataflow-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  return { file: join(folder, "memory.db"), isTemporary: true, remove };
}

/** Node's `recursive` tries for ever, deaf to signals, where the system says of a folder in one that exists that there is none. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdirUnlessThere(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT" || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await mkdirUnlessThere(path);
  }
}

/** Also where another process made it just now. */
const mkdirUnlessThere = (path: string) => mkdir(path, { mode: FOLDER_OF_OWNER }).catch(unless("EEXIST"));

/** A new file has none yet, but its folder has. */
async function realNameOf(named: string): Promise<string> {
  const real = await realpath(named).catch(unless("ENOENT"));
  if (real) return real;
  if (await readlink(named).catch(unless("ENOENT", "EINVAL")))
    throw new DatabaseRefused(USABLE_FILE, "a symbolic link to a file that is not there");
  return join(await realpath(dirname(named)), basename(named));
}

/** SQLite names its log after the name by which it was opened: two names are two logs, which ruin the one file. */
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

/** A database that was used leaves a token, or what its log holds. Without the file itself, a new one would hide the loss. */
async function refuseLostDatabase(file: string, tokenFile: string): Promise<void> {
  if ((await sizeOf(file)) > 0) return;
  const logFile = logFileOf(file);
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

/** Never opened where it is there: closing it again would give back the locks that this process has on it. */
async function createUnlessThere(path: string): Promise<void> {
  const made = await open(path, "wx", OWNER_ONLY).catch(unless("EEXIST"));
  await made?.close();
}

/** What SQLite creates beside the file gets the file's own rights. A link is left alone: it may lead to what is not ours. */
async function closeToOthers(path: string, logger?: Logger): Promise<void> {
  if (((await modeOfFile(path)) & OTHERS) === 0) return;
  await chmod(path, OWNER_ONLY).catch(unless("EPERM", "ENOENT", "EROFS", "ENOTSUP"));
  const mode = await modeOfFile(path);
  if ((mode & OTHERS) !== 0)
    logger?.warn(`Others may read or write ${path} (mode ${(mode & 0o777).toString(8)}), and it cannot be changed.`);
}

/** 0: there is none of this name. */
async function modeOfFile(path: string): Promise<number> {
  const found = await lstat(path).catch(unless("ENOENT"));
  return found?.isFile() ? found.mode : 0;
}

const sizeOf = async (path: string) => (await stat(path).catch(unless("ENOENT")))?.size ?? 0;

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code ?? "";

/** For `catch`: what has one of these codes is no fault. */
const unless =
  (...codes: string[]) =>
  (error: unknown): null => {
    if (codes.includes(codeOf(error))) return null;
    throw error;
  };
