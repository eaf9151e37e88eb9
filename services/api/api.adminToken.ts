import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { ServiceBroker } from "moleculer";
import { ConfigError, configOf } from "../../config.ts";

/** The file beside the database where the embedded default keeps the token that it made. */
export const tokenFileOf = (databaseUrl: string): string => `${databaseUrl.slice("sqlite:".length)}.admin-token`;

const LEAST_LENGTH = 24;

const unkept = (found: string) =>
  new ConfigError([{ name: "ADMIN_TOKEN", expected: "a token, or a file that keeps the one that is made", found }]);

/** A start that was killed, or met a full disk, leaves the file empty: nobody could ever log in with that. */
function keptToken(file: string): string {
  const token = readFileSync(file, "utf8").trim();
  if (token.length >= LEAST_LENGTH) return token;
  throw unkept(`${file}, which holds none of at least ${LEAST_LENGTH} characters`);
}

/**
 * The operators' token: the one that was set, else the one beside the database, else a new one, which is kept there for
 * the owner alone (mode 0600) and printed once.
 */
export function adminToken(broker: ServiceBroker): string {
  const { adminToken: given, databaseUrl } = configOf(broker);
  if (given) return given;
  const file = tokenFileOf(databaseUrl);
  const made = randomBytes(32).toString("base64url");
  try {
    mkdirSync(dirname(file), { recursive: true });
    // `wx`: a file that is there already is never replaced.
    writeFileSync(file, `${made}\n`, { mode: 0o600, flag: "wx" });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return keptToken(file);
    throw unkept(`${file}, which cannot be written (${code})`);
  }
  console.log(`The operators' token is ${made}\nIt is shown this once, and kept in ${file}.`);
  return made;
}
