import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { Logger } from "../../database.ts";
import type { Dialect } from "../../dialect.ts";
import { DatabaseInUse, DatabaseRefused, DatabaseUnavailable } from "../../errors.ts";
import { SqliteClient } from "./client.ts";
import { ddl } from "./ddl.ts";
import { sequelizeOn } from "./sequelize.ts";
import { sqliteDeliveries, sqliteLocks, sqliteStore } from "./store.ts";

/** Long enough for a few statements; while it is open no batch is accepted. */
const TRANSACTION_MS = 5000;

export async function openSqlite(url: string, logger?: Logger): Promise<Dialect> {
  const { file, isTemporary, remove } = await place(url.slice("sqlite:".length));
  const client = await SqliteClient.open({ file, isTemporary, transactionMs: TRANSACTION_MS }).catch(refuse);
  logger?.info(`The database is ${isTemporary ? "temporary" : file}.`);
  const sequelize = sequelizeOn(client);
  return {
    store: sqliteStore(client),
    locks: sqliteLocks(client),
    deliveries: sqliteDeliveries(client),
    sequelize,
    migrations: sequelize,
    ddl,
    hasTable: (name, transaction) => sequelize.getQueryInterface().tableExists(name, { transaction }),
    // The transaction has the writer to itself, and no other process has the file.
    lockMigrations: async () => undefined,
    now: () => client.call("now"),
    isEmbedded: true,
    async close() {
      await client.close();
      await remove();
    },
  };
}

/** `:memory:` is a file in the temporary folder: two connections cannot share a database in memory without its table locks. */
async function place(path: string) {
  if (path === ":memory:") {
    const folder = await mkdtemp(join(tmpdir(), "dataflow-"));
    const remove = () => rm(folder, { recursive: true, force: true });
    return { file: join(folder, "memory.db"), isTemporary: true, remove };
  }
  const file = resolve(path.replace(/^\/\//, ""));
  await makeFolder(dirname(file)).catch(refuse);
  return { file, isTemporary: false, remove: async () => undefined };
}

/** Node's `recursive` tries for ever, deaf to signals, where the system says of a folder in one that exists that there is none. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdirUnlessThere(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await mkdirUnlessThere(path);
  }
}

/** Also where another process made it just now. */
async function mkdirUnlessThere(path: string): Promise<void> {
  await mkdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}

/** What keeps it from being opened, told without the path, which may be no business of whoever reads it. */
function refuse(error: NodeJS.ErrnoException): never {
  if (error instanceof DatabaseInUse || error instanceof DatabaseUnavailable) throw error;
  throw new DatabaseRefused(
    "a file of SQLite that can be opened and written",
    error.syscall ? `${error.code}` : error.message,
  );
}
