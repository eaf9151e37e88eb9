import { Sequelize } from "sequelize";
import type { Dialect, Logger, Target } from "../../dialect.ts";
import { DatabaseRefused, DatabaseUnavailable } from "../../errors.ts";
import type { Names } from "../../schema/names.ts";
import { ddl, place } from "./ddl.ts";
import { awayOf, refusalOf } from "./failure.ts";
import { dialectModule, isUsable } from "./models.ts";
import { Sql } from "./sql.ts";
import { mssqlClock, mssqlDeliveries, mssqlLocks, mssqlStore } from "./store.ts";
import { CONNECT_TIMEOUT_MS, REQUEST_TIMEOUT_MS, sequelizeOptionsOf } from "./url.ts";

/** The name of the application lock that all migrations of DataFlow take in a database. */
const MIGRATION_LOCK = "dataflow-migrations";
/** The oldest version that DataFlow supports: SQL Server 2019. */
const OLDEST_VERSION = 15;
/** OPENJSON needs this compatibility level. A database that was moved from an older server keeps its old level. */
const LEAST_LEVEL = 130;
const MODEL_CONNECTIONS = 3;
/** No timeout. Migrations need this, because one may take long, and waits for the migrations of another node. */
const NO_LIMIT = 0;

/** Opens SQL Server 2019 or later. Throws DatabaseRefused (a wrong setting) and DatabaseUnavailable. */
export async function openMssql(to: Target, names: Names, logger?: Logger): Promise<Dialect> {
  const { url } = to;
  const sql = new Sql(to, names);
  try {
    await check(sql, logger);
  } catch (error) {
    await sql.close();
    throw refusalOf(error) ?? error;
  }
  let distrustedAt = Number.NEGATIVE_INFINITY;
  const validate = (connection: unknown) => isUsable(connection, distrustedAt);
  // `databaseVersion` is set, so that Sequelize opens no connection to ask for the version.
  const options = {
    dialect: "mssql",
    dialectModule,
    databaseVersion: `${OLDEST_VERSION}.0.0`,
    logging: false,
  } as const;
  const sequelize = new Sequelize({
    ...options,
    ...sequelizeOptionsOf(url, REQUEST_TIMEOUT_MS),
    pool: { max: MODEL_CONNECTIONS, acquire: CONNECT_TIMEOUT_MS * 2, validate },
  });
  // A pool of migrations costs nothing while no migration runs: it connects only when it is used.
  const migrations = new Sequelize({ ...options, ...sequelizeOptionsOf(url, NO_LIMIT), pool: { max: 1, validate } });
  return {
    store: mssqlStore(sql),
    locks: mssqlLocks(sql),
    deliveries: mssqlDeliveries(sql),
    sequelize,
    migrations,
    ddl,
    names,
    place,
    async hasTable(name, schema, transaction) {
      const [rows] = await (transaction ? migrations : sequelize).query("SELECT OBJECT_ID(:name, N'U') AS found", {
        replacements: { name: schema === null ? name : `${schema}.${name}` },
        transaction,
      });
      return (rows as { found: number | null }[])[0]?.found !== null;
    },
    async lockMigrations(transaction) {
      await migrations.query(LOCK, { transaction });
    },
    now: mssqlClock(sql),
    isEmbedded: false,
    refusalOf,
    awayOf,
    distrust: () => {
      distrustedAt = performance.now();
    },
    async close() {
      await Promise.all([sql.close(), sequelize.close(), migrations.close()]);
    },
  };
}

/**
 * Takes the lock of the migrations, and waits for it without a limit. A negative answer means that the lock was not
 * granted.
 */
const LOCK = `DECLARE @answer INT;
EXEC @answer = sp_getapplock @Resource = N'${MIGRATION_LOCK}', @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = -1;
IF @answer < 0 THROW 50000, N'The lock of the migrations was not given.', 1;`;

interface State {
  /** The product's name and version, such as "Microsoft SQL Server 2022 (RTM) …". */
  product: string | null;
  version: string | null;
  name: string;
  level: number;
  hasRowVersions: boolean;
}

/**
 * Checks the server's version and settings. Azure and compatible servers are not checked, because they have version
 * numbers of their own.
 */
async function check(sql: Sql, logger?: Logger): Promise<void> {
  const state = await stateOf(sql);
  if (!state) return;
  const { product, version, name, level, hasRowVersions } = state;
  const quoted = `[${name.replaceAll("]", "]]")}]`;
  if (/^Microsoft SQL Server /.test(product ?? "")) {
    if (Number.parseInt(version ?? "", 10) < OLDEST_VERSION)
      throw new DatabaseRefused("SQL Server 2019 or later", "an older server");
    if (level < LEAST_LEVEL)
      throw new DatabaseRefused(
        `a database of compatibility level ${LEAST_LEVEL} or more (run ALTER DATABASE ${quoted} SET COMPATIBILITY_LEVEL = ${OLDEST_VERSION}0)`,
        String(level),
      );
  }
  // Without row versions DataFlow works, but slowly.
  if (!hasRowVersions)
    logger?.warn(
      `The database keeps no row versions, so reads wait for writes. Run: ALTER DATABASE ${quoted} SET READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK IMMEDIATE`,
    );
}

async function stateOf(sql: Sql): Promise<State | undefined> {
  try {
    return await sql.get(`SELECT CAST(@@VERSION AS NVARCHAR(300)) AS product,
  CAST(SERVERPROPERTY('ProductVersion') AS NVARCHAR(128)) AS version, name, CAST(compatibility_level AS INT) AS level,
  is_read_committed_snapshot_on AS hasRowVersions FROM sys.databases WHERE database_id = DB_ID()`);
  } catch (error) {
    if (error instanceof DatabaseUnavailable) throw error;
    // A server that does not know these properties, or forbids reading them, is not checked.
    return undefined;
  }
}
