/**
 * The tables in a place of their own: every statement of the store finds them there, and a database from before there were such
 * places is brought over with what it holds.
 */
import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import type { Sequelize } from "sequelize";
import { type Database, openDatabase } from "../../../database/database.ts";
import { type Names, namesIn, type Style } from "../../../database/schema/names.ts";
import { describePostgres, emptiedPostgres, freshSchema, onServer } from "../../helpers/database.ts";
import { folderForDatabase } from "../../helpers/folder.ts";
import { storeConformance } from "./conformance.ts";
import { end as atEnd, chunkCommit, claimed, moveOf, ready } from "./drafts.ts";

/** Its own each time: all tests share a database of PostgreSQL. */
const newSchema = () => `of_${randomBytes(6).toString("hex")}`;

/** Where a database may be made that has `schema` for its tables. */
interface Spot {
  url: string;
  schema: string;
  names: Names;
  drop(): Promise<void>;
}

/** The statements of the suites have the plain names. */
const translating = ({ sequelize, isEmbedded }: Database, names: Names): Sequelize =>
  new Proxy(sequelize, {
    get(target, key) {
      const value = Reflect.get(target, key);
      if (key !== "query") return typeof value === "function" ? value.bind(target) : value;
      return (text: string, ...rest: []) =>
        target.query(
          names.in(text).replace('DROP INDEX "', `DROP INDEX ${isEmbedded ? "" : `"${names.schema}".`}"`),
          ...rest,
        );
    },
  });

async function emptied(db: Database, schema: string): Promise<void> {
  if (!db.isEmbedded) return emptiedPostgres(db, schema);
  const [found] = await db.sequelize.query(
    `SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '${schema}%'`,
  );
  for (const { name } of found as { name: string }[])
    if (!/(schema_migration|batch_count)$/.test(name)) await db.sequelize.query(`DELETE FROM ${name}`);
}

function conformance(name: string, spot: () => Promise<Spot>): void {
  let at: Spot | undefined;
  let db: Database | undefined;
  const open = async () => {
    at ??= await spot();
    if (!db) {
      const opened = await openDatabase(at);
      await opened.migrate();
      db = { ...opened, sequelize: translating(opened, at.names) };
    }
    const [used, { schema }] = [db, at];
    return { db: used, remove: () => emptied(used, schema) };
  };
  storeConformance(name, open);
  afterAll(async () => {
    await db?.close();
    await at?.drop();
  });
}

/** An older version's database with a batch that is over and one that runs. */
async function withTwo({ url }: Spot): Promise<{ done: string; running: string }> {
  const db = await openDatabase({ url });
  try {
    await db.migrate();
    const done = await claimed(db.store, 1);
    await db.store.commitChunk(chunkCommit(done));
    await db.store.commitChunk(chunkCommit({ ...done, nextChunk: 1 }, [], { end: atEnd() }));
    const running = await claimed(db.store, 2);
    return { done: done.publicId, running: running.publicId };
  } finally {
    await db.close();
  }
}

function movesOver(spot: () => Promise<Spot>): void {
  test("tables of an older version are moved with their data, and work goes on", async () => {
    const at = await spot();
    const { done, running } = await withTwo(at);
    const db = await openDatabase(at);
    try {
      expect((await db.pending()).length).toBeGreaterThan(0);
      expect(await db.migrate()).toEqual([`tables into ${at.schema}`]);
      expect(await db.pending()).toEqual([]);
      expect(await db.store.batch(done, 1)).toMatchObject({ state: "completed" });
      const batch = await db.store.batch(running, 2);
      await db.store.move(moveOf(batch as NonNullable<typeof batch>, "failed"));
      await ready(db.store, 3);
      expect((await db.store.stats()).states).toEqual({ completed: 1, failed: 1, ready: 1 });
      expect(await db.migrate()).toEqual([]);
    } finally {
      await db.close();
      await at.drop();
    }
  });
}

const place = (url: string, schema: string, style: Style, drop: () => Promise<void>): Spot => ({
  url,
  schema,
  names: namesIn(schema, style),
  drop,
});

async function sqliteSpot(): Promise<Spot> {
  const folder = folderForDatabase();
  return place(`sqlite:${join(folder, "test.db")}`, newSchema(), "prefix", () => rm(folder, { recursive: true }));
}

/** What a version before has made is where the connection looks first. */
async function postgresSpot(): Promise<Spot> {
  const [before, schema] = [await freshSchema(), newSchema()];
  return place(before.url, schema, "FUNCTION", async () => {
    await onServer(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
    await before.drop();
  });
}

describe("a prefix on SQLite", () => {
  conformance("sqlite with a prefix", sqliteSpot);
  movesOver(sqliteSpot);
});

describePostgres("a schema on PostgreSQL", () => {
  conformance("postgres with a schema", postgresSpot);
  movesOver(postgresSpot);

  test("another system's table with the same name is left alone", async () => {
    const at = await postgresSpot();
    const client = new pg.Client(at.url);
    await client.connect();
    await client.query("CREATE TABLE batch (mine INT); CREATE TABLE schema_migration (version INT)");
    const db = await openDatabase(at);
    try {
      await db.migrate();
      await ready(db.store, 1);
      expect((await client.query("SELECT mine FROM batch")).rows).toEqual([]);
      const { rows } = await client.query(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY 1",
      );
      expect(rows.map(({ table_name }) => table_name)).toEqual(["batch", "schema_migration"]);
    } finally {
      await client.end();
      await db.close();
      await at.drop();
    }
  });
});
