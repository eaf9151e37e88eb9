/** The settings of a node in production, and the faults of other settings. */
import { ConfigError, type LoadOptions, loadConfig } from "../../config/config.ts";

export const token = "a-token-of-24-characters";
export const production = {
  ADMIN_TOKEN: token,
  DATABASE_URL: "postgres://u:p@db/dataflow",
  REDIS_URL: "redis://cache:6379",
  AMQP_URL: "amqp://a,amqps://b",
};

export type Env = Record<string, string | undefined>;

export function faultsOf(env: Env, options?: LoadOptions) {
  try {
    loadConfig(env, options);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

export const messageOf = (env: Env) => new ConfigError(faultsOf(env)).message;
export const wrongNames = (env: Env, options?: LoadOptions) => faultsOf(env, options).map(({ name }) => name);
