import { setTimeout as pause } from "node:timers/promises";
import { QueryTypes, Sequelize } from "sequelize";
import type { Dialect, Logger, Target } from "../../dialect.ts";
import { DatabaseRefused } from "../../errors.ts";
import type { Names } from "../../schema/names.ts";
import { fill } from "./backfill.ts";
import { ddl } from "./ddl.ts";
import { awayOf, isWithoutLimits, refusalOf, refusalOfOpening } from "./failure.ts";
import { makeIndex } from "./indexes.ts";
import { CONNECT_TIMEOUT_MS, driverLimits, type Limits, serverLimits } from "./limits.ts";
import { Links } from "./links.ts";
import { dialectModule } from "./models.ts";
import { place } from "./place.ts";
import { Sql } from "./sql.ts";
import { postgresClock, postgresDeliveries, postgresLocks, postgresStore } from "./store.ts";

/** "data" in ASCII: one number for all migrations of DataFlow in a database. */
const MIGRATION_LOCK = 0x64617461;
/** Between two looks whether another process has done with its migrations. */
const LOCK_PAUSE_MS = 100;
const OLDEST_VERSION = 140_000;
const MODEL_CONNECTIONS = 3;

/** PostgreSQL 14 and later. Throws DatabaseRefused for what no waiting heals, and DatabaseUnavailable. */
export async function openPostgres(to: Target, names: Names, logger?: Logger): Promise<Dialect> {
  const { url } = to;
  const links = new Links();
  const { sql, limits } = await greeted(to, links, names, logger);
  const options = {
    dialect: "postgres",
    dialectModule: dialectModule(links),
    logging: false,
    // What a connection is told would stay with whoever gets it next from a pooler; we need neither.
    keepDefaultTimezone: true,
  } as const;
  const sequelize = new Sequelize(url, {
    ...options,
    pool: { max: MODEL_CONNECTIONS, acquire: CONNECT_TIMEOUT_MS * 2 },
    dialectOptions: { ...limits, ...optionsOf(url) },
  });
  // A step may take its time, and waits for another node's. It opens no connection before it is used: one has the lock, the
  // other a step that is apart.
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
      // A statement that waited for it would be waited for in turn by the holder's CREATE INDEX CONCURRENTLY, for ever.
      const ask = () =>
        migrations.query<{ isMine: boolean }>(`SELECT pg_try_advisory_xact_lock(${MIGRATION_LOCK}) AS "isMine"`, {
          type: QueryTypes.SELECT,
          transaction,
        });
      while (!(await ask())[0]?.isMine) await pause(LOCK_PAUSE_MS);
    },
    makeIndex: (index) => makeIndex(migrations, index, names),
    fill: (backfill) => fill(migrations, backfill, names),
    now: postgresClock(sql),
    isEmbedded: false,
    refusalOf,
    awayOf,
    distrust: () => links.distrust(),
    hurry: (ms) => links.hurry(ms),
    async close() {
      await Promise.all([sql.close(), sequelize.close(), migrations.close()]).finally(() => links.closed());
    },
  };
}

/** Sequelize reads no `options` out of a URL. */
function optionsOf(url: string): object {
  const options = new URL(url).searchParams.get("options");
  return { application_name: "dataflow", clientMinMessages: "ignore", ...(options ? { options } : {}) };
}

/** The connections, with the limits that whoever answers there takes. */
async function greeted(to: Target, links: Links, names: Names, logger?: Logger): Promise<{ sql: Sql; limits: Limits }> {
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
