/** A SQL Server for the tests that need one. It is asked for by TEST_MSSQL_URL or by Docker alone, so that none is no error. */
import { randomBytes } from "node:crypto";
import { migrated, type TestDatabase } from "./database.ts";
import { canRun, lackOf, urlOf } from "./servers.ts";

export const mssqlUrl = (): string => urlOf("mssql");

/** Whether there is one. If not, that is said aloud for `name`, also with CI=true. */
export const isMssqlThere = (name: string): boolean => canRun(name, [lackOf("mssql")], { ...process.env, CI: "" });

export const describeMssql = (name: string, suite: () => void): void =>
  (isMssqlThere(name) ? describe : describe.skip)(name, suite);

/** Statements on the server for tests, each by itself; the rows of the last one. */
export async function onMssql<T>(...statements: string[]): Promise<T[]> {
  // Its driver takes half a second to load, and most runs have no such server.
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

/** A database of its own on the server for tests, empty, set up as docs/sql-server.md says. */
export async function freshMssqlDatabase(): Promise<OwnDatabase> {
  const name = `dataflow_${process.pid}_${randomBytes(6).toString("hex")}`;
  await onMssql(`CREATE DATABASE ${name}`);
  await whereKnown(`ALTER DATABASE ${name} SET READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK IMMEDIATE`);
  const url = new URL(mssqlUrl());
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: async () => {
      // Its connections may take a moment to end.
      await whereKnown(`ALTER DATABASE ${name} SET SINGLE_USER WITH ROLLBACK IMMEDIATE`);
      await onMssql(`DROP DATABASE ${name}`);
    },
  };
}

/** What speaks like a SQL Server has no such states: it needs none. */
const whereKnown = (statement: string): Promise<unknown> => onMssql(statement).catch(() => undefined);

/** A migrated one. */
export const freshMssql = async (): Promise<TestDatabase> => migrated(await freshMssqlDatabase());
