import { randomBytes } from "node:crypto";
import { closeSync, constants, fstatSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { ServiceBroker } from "moleculer";
import { ConfigError, configOf } from "../../../config/config.ts";
import { fileOf, tokenFileOf } from "../../../config/urls.ts";

const LEAST_LENGTH = 24;
const TOKEN = /^[\x21-\x7e]{24,}$/;
/** The mode bits of a file that let its group and all others read, write or run it. */
const OTHERS = 0o077;

const unkept = (found: string) =>
  new ConfigError([{ name: "ADMIN_TOKEN", expected: "a token, or a file that keeps one for its owner alone", found }]);

/**
 * The operators' token: the one from the settings, else the one in the file beside the database, else a new one. A new
 * token is written to that file (mode 0600) and printed once. Throws ConfigError if the file holds no token, or if
 * others may read the file.
 */
export function adminToken(broker: ServiceBroker): string {
  const { adminToken: given, databaseUrl } = configOf(broker);
  if (given) return given;
  const database = fileOf(databaseUrl);
  const made = randomBytes(32).toString("base64url");
  if (database === null) {
    tell(made, "It is shown this once, and ends with this process.");
    return made;
  }
  const file = tokenFileOf(database);
  if (!isKeptNow(file, made)) return keptToken(file);
  tell(made, `It is shown this once, and kept in ${file}.`);
  return made;
}

const tell = (token: string, more: string) => console.log(`The operators' token is ${token}\n${more}`);

/** Writes the token to the file. False if the file exists already; an existing file is never replaced. */
function isKeptNow(file: string, token: string): boolean {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, `${token}\n`, { mode: 0o600, flag: "wx" });
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw unkept(`${file}, which cannot be written (${codeOf(error)})`);
  }
}

/**
 * Reads the token from its file. Throws if the file is a link, or if others can read or write it. Whoever can write the
 * file could choose the token.
 */
function keptToken(file: string): string {
  const opened = openedFile(file);
  try {
    const { mode, size } = fstatSync(opened);
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) throw unkept(`${file}, which is no file`);
    // On Windows a file's mode has no bits for the group and for others.
    if (process.platform !== "win32" && (mode & OTHERS) !== 0)
      throw unkept(
        `${file}, which others may read or write (mode ${(mode & 0o777).toString(8)}): run chmod 600 on it, or set ADMIN_TOKEN`,
      );
    const token = size > 4096 ? "" : readFileSync(opened, "utf8").trim();
    // A start that was killed, or that found the disk full, leaves an empty file. No operator could log in with an
    // empty token.
    if (!TOKEN.test(token)) throw unkept(`${file}, which holds none of at least ${LEAST_LENGTH} visible characters`);
    return token;
  } finally {
    closeSync(opened);
  }
}

/** Opens the file without blocking, because opening a pipe would wait for a writer. */
function openedFile(file: string): number {
  try {
    return openSync(file, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    if (codeOf(error) === "ELOOP") throw unkept(`${file}, which is a symbolic link: put the file itself there`);
    throw unkept(`${file}, which cannot be read (${codeOf(error)})`);
  }
}

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code ?? "";
