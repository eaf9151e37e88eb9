/** Databases where the tables have a place of their own beside other products' tables: a schema, or a prefix on SQLite. */
import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Sequelize } from "sequelize";
import { type Database, openDatabase } from "../../../database/database.ts";
import { type Names, namesIn, type Style } from "../../../database/schema/names.ts";
import { emptiedPostgres, emptiedSqlite, freshSchema, onServer } from "../../helpers/database.ts";
import { folderForDatabase } from "../../helpers/folder.ts";
import { everySuite, storeConformance } from "./conformance.ts";

/** Its own each time: all tests share a database of PostgreSQL. */
const newSchema = () => `of_${randomBytes(6).toString("hex")}`;

/** Where a database may be made that has `schema` for its tables. */
export interface Spot {
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
  return db.isEmbedded ? emptiedSqlite(db, schema) : emptiedPostgres(db, schema);
}

/**
 * The suite of all dialects on tables that have a place of their own: every statement of the store finds them there. That is the
 * harder case and the usual one; with plain names run the tests of whole batches, on each dialect.
 */
export function conformanceIn(name: string, spot: () => Promise<Spot>, suites = everySuite): void {
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
  storeConformance(name, open, suites);
  afterAll(async () => {
    await db?.close();
    await at?.drop();
  });
}

const place = (url: string, schema: string, style: Style, drop: () => Promise<void>): Spot => ({
  url,
  schema,
  names: namesIn(schema, style),
  drop,
});

export async function sqliteSpot(): Promise<Spot> {
  const folder = folderForDatabase();
  return place(`sqlite:${join(folder, "test.db")}`, newSchema(), "prefix", () => rm(folder, { recursive: true }));
}

/** What a version before has made is where the connection looks first. */
export async function postgresSpot(): Promise<Spot> {
  const [before, schema] = [await freshSchema(), newSchema()];
  return place(before.url, schema, "FUNCTION", async () => {
    await onServer(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
    await before.drop();
  });
}
