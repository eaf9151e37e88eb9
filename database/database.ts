import type { Sequelize } from "sequelize";
import type { DeliveryStore } from "./deliveries.ts";
import type { Dialect, Logger, Target } from "./dialect.ts";
import { openPostgres } from "./dialects/postgres/open.ts";
import { openSqlite } from "./dialects/sqlite/open.ts";
import type { LockStore } from "./locks.ts";
import { migrate, pending } from "./migrations/migrate.ts";
import { defineModels, type Models } from "./models.ts";
import { type Names, namesIn, PLAIN } from "./schema/names.ts";
import type { BatchStore } from "./store.ts";
import { verifyFound } from "./verified.ts";

export type { Logger, Target } from "./dialect.ts";

export interface DatabaseOptions {
  /** `sqlite:./data/x.db` (relative to the working directory), or `sqlite::memory:`, which is gone after `close`. */
  url: string;
  logger?: Logger;
  /** Where the tables are: in this schema, or with it as prefix (SQLite). Omitted, or `none`: they have their plain names. */
  schema?: string;
  /** At once, for the hot tables; the models have a few of their own. SQLite has no use for it. */
  connections?: number;
}

/** Where nobody says how many batches run at once. */
const CONNECTIONS = 8;

/** The lock of a ping ends at once, so that the next one of this name writes again. */
const PING_MS = 0;
/** The table takes names of up to 255 characters. */
const PING_NAME = 200;

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
  /**
   * Writes a row of this name, the same each time: a database that is full or only read is away too. Throws
   * DatabaseUnavailable.
   */
  ping(name: string): Promise<void>;
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
    models: defineModels(dialect.sequelize, dialect.names),
    migrate: () => migrate(dialect).catch(told),
    pending: () => pending(dialect).catch(told),
    // Nobody waits for this lock: the table of locks has rows that are written and forgotten.
    ping: async (name) => void (await dialect.locks.acquireLock(`ping:${name.slice(0, PING_NAME)}`, "ping", PING_MS)),
    now: () => dialect.now(),
    isEmbedded: dialect.isEmbedded,
    hurry: (ms) => dialect.hurry?.(ms),
    close: () => dialect.close(),
  };
}

/** Its driver takes longer to load than all else together, so only who uses it loads it. */
async function openMssql(to: Target, names: Names, logger?: Logger): Promise<Dialect> {
  return (await import("./dialects/mssql/open.ts")).openMssql(to, names, logger);
}

/** The one place that looks at the scheme. */
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
