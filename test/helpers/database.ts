import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { type Database, openDatabase } from "../../database/database.ts";
import { folderForDatabase } from "./folder.ts";
import { canRun, lackOf, urlOf } from "./servers.ts";
import { copyTemplate } from "./template.ts";

export interface TestDatabase {
  db: Database;
  url: string;
  /** The path of the database's file, if it has one. */
  file: string;
  /** Closes and deletes the database. */
  remove(): Promise<void>;
}

/** A new migrated SQLite database, in a real file with real commits. */
export async function freshDatabase(): Promise<TestDatabase> {
  const folder = folderForDatabase();
  const file = join(folder, "test.db");
  copyTemplate(file);
  const url = `sqlite:${file}`;
  const db = await openDatabase({ url });
  return {
    db,
    url,
    file,
    async remove() {
      await db.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export const POSTGRES_URL = urlOf("postgres");

const DROPPED_AT_ONCE = 20;
/** The number of an advisory lock, which only one process can hold at a time. */
const TEMPLATE_LOCK = 748_213_377;

/** The host and port of PostgreSQL, for a proxy in front. */
export const postgresTarget = {
  host: new URL(POSTGRES_URL).hostname,
  port: Number(new URL(POSTGRES_URL).port || 5432),
};

/** The URL of a schema through a proxy. */
export function postgresUrlAt(schemaUrl: string, port: number): string {
  const url = new URL(schemaUrl);
  url.host = `127.0.0.1:${port}`;
  return url.href;
}

/** Whether there is a PostgreSQL. If not, a message says that `name` is skipped; with CI=true that is an error. */
export const isPostgresThere = (name: string): boolean => canRun(name, [lackOf("postgres")]);

export const describePostgres = (name: string, suite: () => void): void =>
  (isPostgresThere(name) ? describe : describe.skip)(name, suite);

export interface Schema {
  url: string;
  drop(): Promise<void>;
}

/** A new empty schema on the test server. */
export async function freshSchema(): Promise<Schema> {
  const schema = `dataflow_${process.pid}_${randomBytes(6).toString("hex")}`;
  await onServer(`CREATE SCHEMA ${schema}`);
  const url = `${POSTGRES_URL}?options=-c%20search_path%3D${schema}%20-c%20synchronous_commit%3Doff%20-c%20jit%3Doff`;
  return { url, drop: () => dropSchema(url) };
}

async function dropSchema(url: string): Promise<void> {
  const [, schema] = /search_path=(\w+)/.exec(decodeURIComponent(url)) as unknown as [string, string];
  await onServer(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
}

/**
 * A new migrated database on the test server. It is a copy of the run's template: a copy takes 60 ms, the migrations a second.
 * The end of the run drops it, because each single drop would wait until the server has written all dirty pages.
 */
export async function migratedPostgres(): Promise<Schema> {
  const template = await postgresTemplate();
  const name = `${template}${randomBytes(6).toString("hex")}`;
  await onServer(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  return { url: urlOfDatabase(name), drop: async () => undefined };
}

/** Drops a database by the URL of `migratedPostgres`, and ends its connections. */
export const dropDatabase = (url: string): Promise<void> =>
  onServer(`DROP DATABASE IF EXISTS ${new URL(url).pathname.slice(1)} WITH (FORCE)`);

/** The URL of a database. It names the schema, so that the tables have plain names with any settings of the node. */
function urlOfDatabase(name: string): string {
  const url = new URL(POSTGRES_URL);
  url.pathname = `/${name}`;
  return `${url.href}?options=-c%20search_path%3Dpublic%20-c%20synchronous_commit%3Doff%20-c%20jit%3Doff`;
}

/** The name of the run's template, from global-setup.ts. The names of its copies begin with it. */
const templateName = () => process.env.TEST_POSTGRES_TEMPLATE as string;

/** Drops the databases of the run at its end. Several drops at once wait for the server together. */
export async function dropPostgresDatabases(): Promise<void> {
  let names: string[] = [];
  await onServer("SELECT 1", async (client) => {
    const text = "SELECT datname AS name FROM pg_database WHERE starts_with(datname, $1)";
    const { rows } = await client.query<{ name: string }>(text, [templateName()]);
    names = rows.map(({ name }) => name);
  });
  while (names.length > 0)
    await Promise.all(names.splice(0, DROPPED_AT_ONCE).map((name) => dropDatabase(urlOfDatabase(name))));
}

/** The name of the run's migrated template. The first caller makes it. */
async function postgresTemplate(): Promise<string> {
  const name = templateName();
  await onServer(`SELECT pg_advisory_lock(${TEMPLATE_LOCK})`, async (client) => {
    const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [name]);
    if (rowCount) return;
    // The database gets its final name only when it is complete.
    const half = `${name}half`;
    await client.query(`DROP DATABASE IF EXISTS ${half} WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${half}`);
    const db = await openDatabase({ url: urlOfDatabase(half) });
    await db.migrate();
    await db.close();
    await client.query(`ALTER DATABASE ${half} RENAME TO ${name}`);
  });
  return name;
}

/** Opens a new migrated PostgreSQL database. */
export const freshPostgres = async (): Promise<TestDatabase> => opened(await migratedPostgres());

/** Migrates and opens the database at this place. Removing the database removes the place. */
export async function migrated(place: Schema): Promise<TestDatabase> {
  const at = await opened(place);
  await at.db.migrate();
  return at;
}

async function opened({ url, drop }: Schema): Promise<TestDatabase> {
  const db = await openDatabase({ url });
  return {
    db,
    url,
    file: "",
    async remove() {
      await db.close();
      await drop();
    },
  };
}

/** One database for many tests. Its `remove` only empties it (with `empty`, if given); its `end` removes it. */
export function keptDatabase(fresh: () => Promise<TestDatabase>, empty?: (database: Database) => Promise<void>) {
  let kept: Promise<TestDatabase> | undefined;
  const open = async (): Promise<TestDatabase> => {
    kept ??= fresh();
    const { db, url, file } = await kept;
    return { db, url, file, remove: () => (empty ?? emptied(url))(db) };
  };
  return { open, end: async () => (await kept)?.remove() };
}

function emptied(url: string): (database: Database) => Promise<void> {
  if (url.startsWith("sqlite:")) return emptiedSqlite;
  return url.startsWith("mssql:") ? emptiedMssql : emptiedPostgres;
}

async function emptiedMssql({ sequelize }: Database): Promise<void> {
  const [tables] = await sequelize.query(
    "SELECT TABLE_NAME AS name FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_NAME <> 'schema_migration'",
  );
  for (const { name } of tables as { name: string }[]) await sequelize.query(`TRUNCATE TABLE "${name}"`);
}

/**
 * Empties the database. One statement finds the tables that have rows, because most have none. `prefix`: of the tables' names.
 */
export async function emptiedSqlite({ sequelize }: Database, prefix = ""): Promise<void> {
  const [tables] = await sequelize.query("SELECT name FROM sqlite_master WHERE type = 'table'");
  const names = (tables as { name: string }[])
    .map(({ name }) => name)
    // Triggers keep the counters equal to the batches, so their rows stay.
    .filter((name) => name.startsWith(prefix) && !/(?:schema_migration|batch_count)$/.test(name));
  const [written] = await sequelize.query(
    names.map((name) => `SELECT '${name}' AS name WHERE EXISTS (SELECT 1 FROM "${name}")`).join(" UNION ALL "),
  );
  await sequelize.transaction(async (transaction) => {
    for (const { name } of written as { name: string }[])
      await sequelize.query(`DELETE FROM "${name}"`, { transaction });
  });
}

/**
 * Makes the tables as good as new: the next rows lie on disk in the order in which they are written. VACUUM after DELETE makes no
 * new files; TRUNCATE would.
 */
export async function vacuumedPostgres({ sequelize }: Database): Promise<void> {
  const [tables] = await sequelize.query(
    `SELECT quote_ident(tablename) AS name FROM pg_tables
      WHERE schemaname = current_schema() AND tablename <> 'schema_migration'
        AND pg_relation_size(format('%I.%I', schemaname, tablename)::regclass) > 0
      ORDER BY tablename = 'batch_count'`,
  );
  const names = (tables as { name: string }[]).map(({ name }) => name);
  if (names.length === 0) return;
  const deletes = names.map((name) => `DELETE FROM ${name};`);
  await sequelize.query(`${deletes.join("\n")} ${restarted("current_schema()")}`);
  await sequelize.query(`VACUUM ${names.join(", ")}`);
}

/** Empties the database. TRUNCATE would create and sync a new file for each table and index: 300 ms, where DELETE takes 8. */
export async function emptiedPostgres({ sequelize }: Database, schema?: string): Promise<void> {
  const where = schema ? `'${schema}'` : "current_schema()";
  const [tables] = await sequelize.query(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
      WHERE schemaname = ${where} AND tablename <> 'schema_migration'
      ORDER BY tablename = 'batch_count'`,
  );
  const deletes = (tables as { name: string }[]).map(({ name }) => `DELETE FROM ${name};`);
  await sequelize.query(`${deletes.join("\n")} ${restarted(where)}`);
}

/** Resets the ids, so that the next rows start with the first ids again. */
const restarted = (
  schema: string,
) => `SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
  FROM pg_sequences WHERE schemaname = ${schema}`;

/** Runs a statement on the test server, then `follow` on the same connection. */
export async function onServer(statement: string, follow?: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client(POSTGRES_URL);
  await client.connect();
  try {
    await client.query(statement);
    await follow?.(client);
  } finally {
    await client.end();
  }
}
