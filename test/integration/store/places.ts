/**
 * Databases in which DataFlow's tables have a place of their own beside other products' tables: a schema, or a prefix on SQLite.
 */
import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Sequelize } from "sequelize";
import { type Database, openDatabase } from "../../../database/database.ts";
import { type Names, namesIn, type Style } from "../../../database/schema/names.ts";
import { emptiedPostgres, emptiedSqlite, freshSchema, onServer } from "../../helpers/database.ts";
import { folderForDatabase } from "../../helpers/folder.ts";
import { everySuite, storeConformance } from "./conformance.ts";

/** A new schema name each time, because all tests share a database of PostgreSQL. */
const newSchema = () => `of_${randomBytes(6).toString("hex")}`;

/** A place for a database whose tables are in `schema`. */
export interface Spot {
  url: string;
  schema: string;
  names: Names;
  drop(): Promise<void>;
}

/** Translates the statements of the suites, which use plain table names. */
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
 * Runs the suite of all dialects on tables with a place of their own, so that every statement of the store finds them there. This
 * is the harder case, and the usual one. The tests of whole batches run with plain names.
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

/** A new database of PostgreSQL. An earlier version has made its tables where the connection looks first. */
export async function postgresSpot(): Promise<Spot> {
  const [before, schema] = [await freshSchema(), newSchema()];
  return place(before.url, schema, "FUNCTION", async () => {
    await onServer(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
    await before.drop();
  });
}
