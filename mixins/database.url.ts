import { ConfigError, maskUrl } from "../config.ts";
import type { DatabaseRefused } from "../database/errors.ts";

/** A database that refuses us, told like any other wrong setting: without the secret. */
export const wrongUrl = (url: string, { expected, found }: DatabaseRefused): ConfigError =>
  new ConfigError([{ name: "DATABASE_URL", expected: `${expected}, at ${maskUrl(url)}`, found }]);
