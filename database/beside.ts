/** The file that a `sqlite:` URL names, and the names of what lies beside it. */
import { resolve } from "node:path";

const SCHEME = "sqlite:";

/** Its absolute path, links not followed. Null: the URL names no file (`sqlite::memory:`, or a server). */
export function fileOf(url: string): string | null {
  if (!url.startsWith(SCHEME)) return null;
  const path = url.slice(SCHEME.length);
  return path === ":memory:" ? null : resolve(path.replace(/^\/\//, ""));
}

/** Where the embedded default keeps the operators' token that it made. */
export const tokenFileOf = (file: string): string => `${file}.admin-token`;

export const lockFileOf = (file: string): string => `${file}.lock`;
export const logFileOf = (file: string): string => `${file}-wal`;
export const indexFileOf = (file: string): string => `${file}-shm`;
