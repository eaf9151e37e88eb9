/** A SQL Server for the tests that need one. Only TEST_MSSQL_URL or Docker provides it, so a missing one is no error. */
import { randomBytes } from "node:crypto";
import { migrated, type TestDatabase } from "./database.ts";
import { canRun, lackOf, urlOf } from "./servers.ts";

export const mssqlUrl = (): string => urlOf("mssql");

/** Whether there is a SQL Server. If not, a message says that `name` is skipped, also with CI=true. */
export const isMssqlThere = (name: string): boolean => canRun(name, [lackOf("mssql")], { ...process.env, CI: "" });

export const describeMssql = (name: string, suite: () => void): void =>
  (isMssqlThere(name) ? describe : describe.skip)(name, suite);

/** Runs statements on the test server, each by itself. Answers the rows of the last one. */
export async function onMssql<T>(...statements: string[]): Promise<T[]> {
  // The driver is imported here, because it takes half a second to load and most runs have no SQL Server.
  const { default: mssql } = await import("mssql");
  const { configOf } = await import("../../database/dialects/mssql/url.ts");
  const pool = await new mssql.ConnectionPool({ ...configOf(mssqlUrl()), requestTimeout: 60_000 }).connect();
  try {
    let rows: T[] = [];
    for (const statement of statements) rows = (await pool.request().batch<T>(statement)).recordset;
    return rows;
  } finally {
    await pool.close();
  }
}

export interface OwnDatabase {
  url: string;
  drop(): Promise<void>;
}

/** A new empty database on the test server, set up as docs/sql-server.md says. */
export async function freshMssqlDatabase(): Promise<OwnDatabase> {
  const name = `dataflow_${process.pid}_${randomBytes(6).toString("hex")}`;
  await onMssql(`CREATE DATABASE ${name}`);
  await whereKnown(`ALTER DATABASE ${name} SET READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK IMMEDIATE`);
  const url = new URL(mssqlUrl());
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: async () => {
      // The database's connections may take a moment to end, so they are ended by force.
      await whereKnown(`ALTER DATABASE ${name} SET SINGLE_USER WITH ROLLBACK IMMEDIATE`);
      await onMssql(`DROP DATABASE ${name}`);
    },
  };
}

/** Runs a statement that a stand-in for SQL Server does not know and does not need; its error is ignored. */
const whereKnown = (statement: string): Promise<unknown> => onMssql(statement).catch(() => undefined);

/** A new migrated SQL Server database. */
export const freshMssql = async (): Promise<TestDatabase> => migrated(await freshMssqlDatabase());
