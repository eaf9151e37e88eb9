import type { Sequelize } from "sequelize";
import type { Dialect, Logger, Target } from "./dialect.ts";
import { openPostgres } from "./dialects/postgres/open.ts";
import { openSqlite } from "./dialects/sqlite/open.ts";
import { migrate, pending } from "./migrations/migrate.ts";
import { defineModels, type Models } from "./models.ts";
import { type Names, namesIn, PLAIN } from "./schema/names.ts";
import type { DeliveryStore, LockStore } from "./store.deliveries.ts";
import type { BatchStore } from "./store.ts";
import { verifyFound } from "./verified.ts";

export type { Logger, Target } from "./dialect.ts";

export interface DatabaseOptions {
  /** The URL, for example `sqlite:./data/x.db` (relative to the working directory) or `sqlite::memory:` (deleted by `close`). */
  url: string;
  logger?: Logger;
  /** The schema of the tables; on SQLite a prefix of their names. Omitted, or `none`: the tables have plain names. */
  schema?: string;
  /** Most connections for the hot tables. The models have a few connections of their own. SQLite ignores it. */
  connections?: number;
}

/** The default of `connections`. */
const CONNECTIONS = 8;

/** The lock that a ping takes expires at once, so the next ping writes again. */
const PING_MS = 0;
/** Most characters of a ping's name. The column takes 255. */
const PING_NAME = 200;

export interface Database {
  store: BatchStore;
  locks: LockStore;
  deliveries: DeliveryStore;
  sequelize: Sequelize;
  models: Models;
  /** Runs the missing migrations and returns their names. Throws DatabaseRefused (the user has no rights) and DatabaseUnavailable. */
  migrate(): Promise<string[]>;
  /** The names of the missing migrations. Throws DatabaseRefused (the user has no rights) and DatabaseUnavailable. */
  pending(): Promise<string[]>;
  /** Checks the database with a write, because a full or read-only database counts as away too. Throws DatabaseUnavailable. */
  ping(name: string): Promise<void>;
  /** The database's clock, epoch ms. */
  now(): Promise<number>;
  /** The database is a file of this process alone (SQLite). So every lease that the process finds at its start is void. */
  isEmbedded: boolean;
  /** After an erasure: clears deleted rows from the database's own log, as far as this process can. */
  wipe(): Promise<void>;
  /**
   * For a node that stops: a server that is silent for longer than `ms` counts as away from now on, and after `ms` lost
   * answers are not resolved any more.
   */
  limitWaits(ms: number): void;
  /** Waits for the running calls, then closes all connections. */
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
    models: defineModels(dialect.sequelize, dialect.names),
    migrate: () => migrate(dialect).catch(told),
    pending: () => pending(dialect).catch(told),
    // Uses the table of locks, because its rows are short-lived. Nobody waits for this lock.
    ping: async (name) => void (await dialect.locks.acquireLock(`ping:${name.slice(0, PING_NAME)}`, "ping", PING_MS)),
    now: () => dialect.now(),
    isEmbedded: dialect.isEmbedded,
    wipe: async () => dialect.wipe?.(),
    limitWaits: (ms) => dialect.limitWaits?.(ms),
    close: () => dialect.close(),
  };
}

/** The driver of SQL Server takes longer to load than everything else together, so it is loaded only if it is used. */
async function openMssql(to: Target, names: Names, logger?: Logger): Promise<Dialect> {
  return (await import("./dialects/mssql/open.ts")).openMssql(to, names, logger);
}

/** Chooses the dialect by the scheme of the URL. No other code looks at the scheme. */
function openDialect({ url, logger, schema = PLAIN, connections = CONNECTIONS }: DatabaseOptions): Promise<Dialect> {
  const scheme = url.slice(0, url.indexOf(":"));
  switch (scheme) {
    case "sqlite":
      return openSqlite(url, namesIn(schema, "prefix"), logger);
    case "postgres":
    case "postgresql":
      return openPostgres({ url, connections }, namesIn(schema, "FUNCTION"), logger);
    case "mssql":
      return openMssql({ url, connections }, namesIn(schema, "TRIGGER"), logger);
    default:
      throw new Error(`DATABASE_URL: expected sqlite:, postgres: or mssql:, found "${scheme}:".`);
  }
}
