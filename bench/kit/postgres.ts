/** A schema of the bench's own on the PostgreSQL server, with the product's tables. */
import pg from "pg";
import { openDatabase } from "../../database/database.ts";
import { freshSchema, type Schema } from "../../test/helpers/database.ts";
import { isThere, postgresUrl } from "./needs.ts";
import { atEnd } from "./places.ts";

/** Gone when it is dropped, or at the end of the bench at the latest. */
export async function newDatabase(): Promise<Schema> {
  const { url, drop } = await freshSchema();
  const remove = atEnd(drop);
  const database = await openDatabase({ url });
  await database.migrate();
  await database.close();
  return { url, drop: remove };
}

/** What `measure` says on SQLite and on PostgreSQL, one after the other; `env` names the database to a node. */
export async function onEach<Told>(
  measure: (name: string, env: Record<string, string>) => Promise<Told[]>,
): Promise<{ lines: Told[]; notes: string[] }> {
  const lines = await measure("SQLite", {});
  if (!(await isThere("postgres"))) return { lines, notes: ["PostgreSQL is left out: no server answers."] };
  const { url, drop } = await newDatabase();
  lines.push(...(await measure("PostgreSQL", { DATABASE_URL: url })));
  await drop();
  return { lines, notes: [] };
}

/** Of a peer that makes its own schema. */
export async function dropSchema(name: string): Promise<void> {
  const client = new pg.Client(postgresUrl);
  await client.connect();
  await client.query(`DROP SCHEMA IF EXISTS ${client.escapeIdentifier(name)} CASCADE`);
  await client.end();
}
