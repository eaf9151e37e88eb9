import { Sequelize } from "sequelize";
import type { Logger } from "../../database.ts";
import type { Dialect } from "../../dialect.ts";
import { DatabaseUnavailable } from "../../errors.ts";
import { ddl } from "./ddl.ts";
import { refusalOf } from "./failure.ts";
import { dialectModule } from "./models.ts";
import { Sql } from "./sql.ts";
import { mssqlDeliveries, mssqlLocks, mssqlStore } from "./store.ts";
import { now } from "./units/reads.ts";
import { CONNECT_TIMEOUT_MS, REQUEST_TIMEOUT_MS, sequelizeOptionsOf } from "./url.ts";

/** One name for all migrations of DataFlow in a database. */
const MIGRATION_LOCK = "dataflow-migrations";
/** SQL Server 2019. */
const OLDEST_VERSION = 15;
const MODEL_CONNECTIONS = 3;
/** For migrations: a step may take its time, and waits for another node's. */
const NO_LIMIT = 0;

/** SQL Server 2019 and later. Throws DatabaseRefused for what no waiting heals, and DatabaseUnavailable. */
export async function openMssql(url: string, logger?: Logger): Promise<Dialect> {
  const sql = new Sql(url);
  try {
    await checkVersion(sql);
    await checkRowVersions(sql, logger);
  } catch (error) {
    await sql.close();
    throw refusalOf(error) ?? error;
  }
  // Told here, it is not asked for on a connection of its own.
  const options = {
    dialect: "mssql",
    dialectModule,
    databaseVersion: `${OLDEST_VERSION}.0.0`,
    logging: false,
  } as const;
  const sequelize = new Sequelize({
    ...options,
    ...sequelizeOptionsOf(url, REQUEST_TIMEOUT_MS),
    pool: { max: MODEL_CONNECTIONS, acquire: CONNECT_TIMEOUT_MS * 2 },
  });
  // It opens no connection before it is used.
  const migrations = new Sequelize({ ...options, ...sequelizeOptionsOf(url, NO_LIMIT), pool: { max: 1 } });
  return {
    store: mssqlStore(sql),
    locks: mssqlLocks(sql),
    deliveries: mssqlDeliveries(sql),
    sequelize,
    migrations,
    ddl,
    async hasTable(name, transaction) {
      const [rows] = await (transaction ? migrations : sequelize).query("SELECT OBJECT_ID(:name, N'U') AS found", {
        replacements: { name },
        transaction,
      });
      return (rows as { found: number | null }[])[0]?.found !== null;
    },
    async lockMigrations(transaction) {
      await migrations.query(LOCK, { transaction });
    },
    now: () => now(sql),
    isEmbedded: false,
    refusalOf,
    async close() {
      await Promise.all([sql.close(), sequelize.close(), migrations.close()]);
    },
  };
}

/** Waits for as long as it takes; a negative answer is no lock. */
const LOCK = `DECLARE @answer INT;
EXEC @answer = sp_getapplock @Resource = N'${MIGRATION_LOCK}', @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = -1;
IF @answer < 0 THROW 50000, N'The lock of the migrations was not given.', 1;`;

/** Azure has versions of its own, and so has what only speaks like a SQL Server: both are taken as they are. */
async function checkVersion(sql: Sql): Promise<void> {
  const row = await sql.get<{ version: string | null; product: string | null }>(
    "SELECT CAST(SERVERPROPERTY('ProductVersion') AS NVARCHAR(128)) AS version, CAST(@@VERSION AS NVARCHAR(300)) AS product",
  );
  const isBoxed = /^Microsoft SQL Server /.test(row?.product ?? "");
  const version = Number.parseInt(row?.version ?? "", 10);
  if (isBoxed && version < OLDEST_VERSION)
    throw new Error("DATABASE_URL: expected SQL Server 2019 or later; found an older server.");
}

/** Without row versions whoever reads waits for whoever writes: right, and slow. */
async function checkRowVersions(sql: Sql, logger?: Logger): Promise<void> {
  const row = await stateOfDatabase(sql);
  if (row?.isOn !== false) return;
  const name = `[${row.name.replaceAll("]", "]]")}]`;
  logger?.warn(
    `The database keeps no row versions, so reads wait for writes. Run: ALTER DATABASE ${name} SET READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK IMMEDIATE`,
  );
}

async function stateOfDatabase(sql: Sql): Promise<{ name: string; isOn: boolean } | undefined> {
  try {
    return await sql.get(
      "SELECT name, is_read_committed_snapshot_on AS isOn FROM sys.databases WHERE database_id = DB_ID()",
    );
  } catch (error) {
    // Who may not look is not told.
    if (error instanceof DatabaseUnavailable) throw error;
    return undefined;
  }
}
