import { setTimeout as pause } from "node:timers/promises";
import type { Dialect, Logger } from "../../dialect.ts";
import { DatabaseInUse, DatabaseRefused, DatabaseUnavailable } from "../../errors.ts";
import { type Names, PLAIN } from "../../schema/names.ts";
import { askFile } from "./ask.ts";
import { SqliteClient } from "./client.ts";
import { ddl, place } from "./ddl.ts";
import { placeOf } from "./place.ts";
import { sequelizeOn } from "./sequelize.ts";
import { sqliteDeliveries, sqliteLocks, sqliteStore } from "./store.ts";

/**
 * How long an open transaction of Sequelize may be idle. It blocks all writes, so DataFlow accepts no batch meanwhile.
 */
const TRANSACTION_MS = 5000;
/**
 * What an operator must do after the files were lost. The node keeps running, because the data can be saved from its
 * open files.
 */
const CURE =
  "Every request is answered 503 until the node is stopped, the file put back (docs/operations.md), and the node started.";

export async function openSqlite(url: string, names: Names, logger?: Logger): Promise<Dialect> {
  const { file, isTemporary, remove } = await placeOf(url, logger).catch(refuse);
  const onLost = (message: string) => logger?.error(`${message}: ${file}. ${CURE}`);
  const data = { file, isTemporary, transactionMs: TRANSACTION_MS, schema: names.schema ?? PLAIN };
  const client = await SqliteClient.open(data, onLost).catch(refuse);
  logger?.info(`The database is ${isTemporary ? "temporary" : file}.`);
  const sequelize = sequelizeOn(client);
  return {
    store: sqliteStore(client),
    locks: sqliteLocks(client),
    deliveries: sqliteDeliveries(client),
    sequelize,
    migrations: sequelize,
    ddl,
    names,
    place,
    hasTable: (name, schema, transaction) =>
      sequelize.getQueryInterface().tableExists(schema === null ? name : `${schema}_${name}`, { transaction }),
    // No lock is needed: a migration's transaction blocks all other writes, and no other process uses the file.
    lockMigrations: async () => undefined,
    now: () => client.call("now"),
    isEmbedded: true,
    wipe: () => emptyLog(file),
    async close() {
      await client.close();
      await remove();
    },
  };
}

const WIPE_TRIES = 40;
const WIPE_PAUSE_MS = 50;

/**
 * Empties the WAL, which still contains old versions of pages. Readers can prevent this for a while, so it is tried
 * several times.
 */
async function emptyLog(file: string): Promise<void> {
  for (let tries = 0; tries < WIPE_TRIES; tries++) {
    const [end] = (await askFile(file, "PRAGMA wal_checkpoint(TRUNCATE)", [])) as { busy: number }[];
    if (end?.busy === 0) return;
    await pause(WIPE_PAUSE_MS);
  }
}

/** Turns an error of the file system into a DatabaseRefused without the path, which not every reader may see. */
function refuse(error: NodeJS.ErrnoException): never {
  if ([DatabaseInUse, DatabaseRefused, DatabaseUnavailable].some((kind) => error instanceof kind)) throw error;
  throw new DatabaseRefused(
    "a file of SQLite that can be opened and written",
    error.syscall ? `${error.code}` : error.message,
  );
}
