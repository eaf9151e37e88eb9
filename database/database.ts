import type { Sequelize } from "sequelize";
import type { DeliveryStore } from "./deliveries.ts";
import type { Dialect } from "./dialect.ts";
import { openPostgres } from "./dialects/postgres/open.ts";
import { openSqlite } from "./dialects/sqlite/open.ts";
import type { LockStore } from "./locks.ts";
import { migrate, pending } from "./migrations/migrate.ts";
import { defineModels, type Models } from "./models.ts";
import type { BatchStore } from "./store.ts";
import { verifyFound } from "./verified.ts";

export interface DatabaseOptions {
  /** `sqlite:./data/x.db` (relative to the working directory), or `sqlite::memory:`, which is gone after `close`. */
  url: string;
  logger?: Logger;
}

export interface Logger {
  info(...args: unknown[]): void;
  warn(...args: unknown[]): void;
  error(...args: unknown[]): void;
}

export interface Database {
  store: BatchStore;
  locks: LockStore;
  deliveries: DeliveryStore;
  sequelize: Sequelize;
  models: Models;
  /** Brings the schema up to date; the names of the steps that it took. Throws DatabaseRefused for a user who may not, and DatabaseUnavailable. */
  migrate(): Promise<string[]>;
  /** The steps that this database lacks. Throws DatabaseRefused for a user who may not look, and DatabaseUnavailable. */
  pending(): Promise<string[]>;
  ping(): Promise<void>;
  /** The database's clock, epoch ms. */
  now(): Promise<number>;
  /** One process with its own file: every lease found at start is void. */
  isEmbedded: boolean;
  /** The node stops: from now on a server that lets it wait for longer is away, and what was lost is not looked for. */
  hurry(ms: number): void;
  /** Finishes what was asked, then leaves nothing open. */
  close(): Promise<void>;
}

export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const dialect = await openDialect(options);
  verifyFound(dialect.sequelize, () => dialect.distrust?.());
  const told = (error: unknown): never => {
    throw dialect.refusalOf?.(error) ?? dialect.awayOf?.(error) ?? error;
  };
  return {
    store: dialect.store,
    locks: dialect.locks,
    deliveries: dialect.deliveries,
    sequelize: dialect.sequelize,
    models: defineModels(dialect.sequelize),
    migrate: () => migrate(dialect).catch(told),
    pending: () => pending(dialect).catch(told),
    ping: async () => void (await dialect.now()),
    now: () => dialect.now(),
    isEmbedded: dialect.isEmbedded,
    hurry: (ms) => dialect.hurry?.(ms),
    close: () => dialect.close(),
  };
}

/** Its driver takes longer to load than all else together, so only who uses it loads it. */
async function openMssql(url: string, logger?: Logger): Promise<Dialect> {
  return (await import("./dialects/mssql/open.ts")).openMssql(url, logger);
}

/** The one place that looks at the scheme. */
function openDialect({ url, logger }: DatabaseOptions): Promise<Dialect> {
  const scheme = url.slice(0, url.indexOf(":"));
  switch (scheme) {
    case "sqlite":
      return openSqlite(url, logger);
    case "postgres":
    case "postgresql":
      return openPostgres(url, logger);
    case "mssql":
      return openMssql(url, logger);
    default:
      throw new Error(`DATABASE_URL: expected sqlite:, postgres: or mssql:, found "${scheme}:".`);
  }
}
