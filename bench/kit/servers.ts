/** Creates a benchmark's own data on servers that others use too: a schema or database on PostgreSQL, keys on Redis. */
import { randomBytes } from "node:crypto";
import { Redis } from "ioredis";
import pg from "pg";
import { openDatabase } from "../../database/database.ts";
import { dropDatabase, freshSchema, onServer, type Schema } from "../../test/helpers/database.ts";
import { isThere, postgresUrl, redisUrl } from "./needs.ts";
import { atEnd } from "./places.ts";

/** Creates a schema. It is dropped on demand, at the latest at the end of the benchmark. */
export async function newDatabase(): Promise<Schema> {
  const { url, drop } = await freshSchema();
  const remove = atEnd(drop);
  await migrate(url);
  return { url, drop: remove };
}

async function migrate(url: string): Promise<void> {
  const database = await openDatabase({ url });
  await database.migrate();
  await database.close();
}

/** Creates an empty database that nobody else is connected to. It is dropped as the schema of `newDatabase` is. */
export async function newServerDatabase(): Promise<Schema> {
  const name = `dataflow_bench_${process.pid}_${randomBytes(6).toString("hex")}`;
  const url = urlOf(name);
  const drop = atEnd(() => dropDatabase(url));
  await onServer(`CREATE DATABASE ${name}`);
  return { url, drop };
}

/** Creates a database with the tables of the product. */
export async function newMigratedDatabase(): Promise<Schema> {
  const place = await newServerDatabase();
  await migrate(place.url);
  return place;
}

function urlOf(name: string): string {
  const at = new URL(postgresUrl);
  at.pathname = `/${name}`;
  return `${at.href}?options=-c%20search_path%3Dpublic%20-c%20synchronous_commit%3Doff`;
}

export interface Filled extends Schema {
  /** Whether an earlier run has called `filled`. */
  isFilled: boolean;
  filled(): Promise<void>;
}

/** Opens a database that outlives the run, by its name. If it does not hold `what`, it is dropped and created empty. */
export async function keptDatabase(name: string, what: string): Promise<Filled> {
  if (!/^dataflow_\w{1,50}$/.test(name)) throw new Error(`--keep: expected dataflow_ and a word; found ${name}`);
  const url = urlOf(name);
  let held: string | null = null;
  const noted = "SELECT shobj_description(oid, 'pg_database') AS held FROM pg_database WHERE datname = $1";
  await onServer("SELECT 1", async (client) => {
    const { rows } = await client.query<{ held: string | null }>(noted, [name]);
    held = rows[0]?.held ?? null;
  });
  const isFilled = held === what;
  if (!isFilled) {
    await dropDatabase(url);
    await onServer(`CREATE DATABASE ${name}`);
  }
  return { url, isFilled, filled: () => onServer(`COMMENT ON DATABASE ${name} IS '${what}'`), drop: async () => {} };
}

/** Runs `measure` on SQLite, then on PostgreSQL. `env`: the settings that make a node use the database. */
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

/** Drops the schema that a peer has created. */
export async function dropSchema(name: string): Promise<void> {
  const client = new pg.Client(postgresUrl);
  await client.connect();
  await client.query(`DROP SCHEMA IF EXISTS ${client.escapeIdentifier(name)} CASCADE`);
  await client.end();
}

/** Removes all keys with this prefix. Others may use the server, so the whole server is not flushed. */
export async function removeKeys(prefix: string): Promise<void> {
  const redis = new Redis(redisUrl);
  for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1_000 }))
    if (keys.length > 0) await redis.del(keys);
  redis.disconnect();
}
