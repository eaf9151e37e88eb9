import { ConfigError, maskUrl } from "../config/config.ts";
import { otherServerAt } from "../lib/net/server-kind.ts";
import { DatabaseInUse, DatabaseRefused } from "./errors.ts";
import { isUnavailable } from "./unavailable.ts";

/**
 * The error of a failed opening as a wrong setting DATABASE_URL, if retrying cannot help. It never shows the password. Null: the
 * server is only away for now, or the error is a defect of ours.
 */
export async function wrongUrl(url: string, error: unknown): Promise<ConfigError | null> {
  const fault = (expected: string, found: string) =>
    new ConfigError([{ name: "DATABASE_URL", expected: `${expected}, at ${maskUrl(url)}`, found }]);
  if (error instanceof DatabaseRefused) return fault(error.expected, error.found);
  if (error instanceof DatabaseInUse)
    return fault("a file of this process alone", "one that is in use by another process");
  if (!isUnavailable(error)) return null;
  if (url.startsWith("sqlite:")) {
    const found = (error as Error).message.replace(/^The database cannot be used: (.*)\.$/, "$1");
    return fault("a file of SQLite that can be opened and written", found);
  }
  const stranger = await otherServerAt(url);
  return stranger && fault(stranger.expected, stranger.found);
}

/** The error for a database that lacks migrations. */
export const behind = (url: string, steps: readonly string[]): ConfigError => {
  const found = `one that is behind by ${steps.join(", ")}: run "npm run migrate" first`;
  return new ConfigError([
    { name: "DATABASE_URL", expected: `a database that is up to date, at ${maskUrl(url)}`, found },
  ]);
};
