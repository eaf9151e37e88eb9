import { setTimeout as pause } from "node:timers/promises";
import { QueryTypes, Sequelize } from "sequelize";
import type { Dialect, Logger, Target } from "../../dialect.ts";
import { DatabaseRefused } from "../../errors.ts";
import { type Names, plain } from "../../schema/names.ts";
import { fill, makeIndex } from "./backfill.ts";
import { ddl, place } from "./ddl.ts";
import { awayOf, isWithoutLimits, refusalOf, refusalOfOpening, unavailable } from "./failure.ts";
import { CONNECT_TIMEOUT_MS, driverLimits, type Limits, serverLimits } from "./limits.ts";
import { Links } from "./links.ts";
import { dialectModule } from "./models.ts";
import { Sql } from "./sql.ts";
import { postgresClock, postgresDeliveries, postgresLocks, postgresStore } from "./store.ts";
import { appliedOn } from "./table/elsewhere.ts";

/** The key of the advisory lock that all migrations of DataFlow take in a database: "data" in ASCII. */
const MIGRATION_LOCK = 0x64617461;
/** The pause between two tries to get the migration lock. */
const LOCK_PAUSE_MS = 100;
const OLDEST_VERSION = 140_000;
const MODEL_CONNECTIONS = 3;

/** Opens PostgreSQL 14 or later. Throws DatabaseRefused (a wrong setting) and DatabaseUnavailable. */
export async function openPostgres(to: Target, names: Names, logger?: Logger): Promise<Dialect> {
  const { url } = to;
  const links = new Links();
  const { sql, limits } = await greeted(to, links, names, logger);
  const options = {
    dialect: "postgres",
    dialectModule: dialectModule(links),
    logging: false,
    // No time zone is set, because DataFlow needs none. Behind a pooler, a session setting would stay for the next user
    // of the server connection.
    keepDefaultTimezone: true,
  } as const;
  const sequelize = new Sequelize(url, {
    ...options,
    pool: { max: MODEL_CONNECTIONS, acquire: CONNECT_TIMEOUT_MS * 2 },
    dialectOptions: { ...limits, ...optionsOf(url) },
  });
  // Migrations have no timeouts, because one may take long, and waits for the migrations of another node. The pool
  // connects only when it is used. One connection holds the lock; the other runs a migration outside of the
  // transaction.
  const migrations = new Sequelize(url, { ...options, pool: { max: 2 }, dialectOptions: optionsOf(url) });
  return {
    store: postgresStore(sql, links),
    locks: postgresLocks(sql),
    deliveries: postgresDeliveries(sql),
    sequelize,
    migrations,
    ddl,
    names,
    place,
    async hasTable(name, schema, transaction) {
      const [rows] = await (transaction ? migrations : sequelize).query("SELECT to_regclass(:name) AS found", {
        replacements: { name: schema === null ? name : `${schema}.${name}` },
        transaction,
      });
      return (rows as { found: string | null }[])[0]?.found !== null;
    },
    async lockMigrations(transaction) {
      // The lock is polled. A statement that waits for the lock would deadlock with the holder's CREATE INDEX
      // CONCURRENTLY, which waits for all running statements.
      const ask = () =>
        migrations.query<{ isMine: boolean }>(`SELECT pg_try_advisory_xact_lock(${MIGRATION_LOCK}) AS "isMine"`, {
          type: QueryTypes.SELECT,
          transaction,
        });
      while (!(await ask())[0]?.isMine) await pause(LOCK_PAUSE_MS);
    },
    makeIndex: (index) => makeIndex(migrations, index, names, logger ? { sequelize, logger } : null),
    fill: (backfill) => fill(migrations, backfill, names),
    now: postgresClock(sql),
    isEmbedded: false,
    refusalOf,
    awayOf,
    distrust: () => links.distrust(),
    limitWaits: (ms) => links.limitWaits(ms),
    async close() {
      await Promise.all([sql.close(), sequelize.close(), migrations.close()]).finally(() => links.closed());
    },
  };
}

/** The parameters of a connection. They include `options` of the URL, which Sequelize does not read. */
function optionsOf(url: string): object {
  const options = new URL(url).searchParams.get("options");
  return { application_name: "dataflow", clientMinMessages: "ignore", ...(options ? { options } : {}) };
}

/** Opens the connections. They have the server's timeouts, unless the server or its pooler refuses these. */
export async function greeted(
  to: Target,
  links: Links,
  names: Names,
  logger?: Logger,
): Promise<{ sql: Sql; limits: Limits }> {
  const all = { ...serverLimits, ...driverLimits };
  for (let limits: Limits = all; ; limits = driverLimits) {
    const sql = new Sql(to, links, limits, names, logger);
    try {
      const { version, hasLimits } = await sql.greet();
      if (version < OLDEST_VERSION) throw new DatabaseRefused("PostgreSQL 14 or later", "an older server");
      if (!hasLimits) logger?.warn(`No wait for a lock has an end: the pooler takes no limits. Run: ${LIMITS_OF_ROLE}`);
      return { sql, limits };
    } catch (error) {
      await sql.close();
      if (limits !== all || !isWithoutLimits(error)) throw refusalOfOpening(error) ?? error;
    }
  }
}

const LIMITS_OF_ROLE = Object.entries(serverLimits)
  .map(([name, ms]) => `ALTER ROLE CURRENT_USER SET ${name} = ${ms};`)
  .join(" ");

interface AskedServer {
  /** The name of the database in messages. */
  name: string;
  url: string;
  connections: number;
}

/**
 * Opens a PostgreSQL database of the company, to read it and to write its tables. Throws DatabaseUnavailable if the
 * database cannot be opened, for any reason.
 */
export async function openAsker({ name, url, connections }: AskedServer, logger?: Logger) {
  const links = new Links();
  const { sql } = await greeted({ url, connections }, links, plain, logger).catch((error) => {
    throw unavailable(error);
  });
  return {
    ask: (text: string, values: readonly unknown[]): Promise<unknown[]> => sql.all(text, ...values),
    send: (text: string): Promise<unknown[]> => sql.send(text),
    applied: appliedOn(sql, name),
    limitWaits: (ms: number) => links.limitWaits(ms),
    close: () => sql.close().finally(() => links.closed()),
  };
}
