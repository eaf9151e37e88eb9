/**
 * Connections of a node to the databases with the company's own tables. The database of `DATABASE_URL` uses the
 * connections of DataFlow itself. Each database of `TABLE_DATABASES` is opened at its first use; if that fails, the
 * next use opens it again.
 */
import { QueryTypes } from "sequelize";
import type { AllowedTables, TableDatabase } from "../../config/tables.ts";
import { fileOf } from "../../config/urls.ts";
import type { Database } from "../database.ts";
import type { Logger } from "../dialect.ts";
import { openAsker } from "../dialects/postgres/open.ts";
import { askFile } from "../dialects/sqlite/ask.ts";
import { appliedOf, FileThread } from "../dialects/sqlite/table/elsewhere.ts";
import { DatabaseUnavailable, isOutcomeUnknown, TableFailure } from "../errors.ts";
import { isUnavailable } from "../unavailable.ts";
import type { AppliedTable } from "./applied.ts";
import { type AskedDatabase, describeTable } from "./catalog.ts";
import type { Ask, TargetDialect } from "./target.ts";

interface Asker {
  ask(text: string, values: readonly unknown[]): Promise<unknown[]>;
  send(text: string): Promise<unknown[]>;
  /** The table `dataflow_applied` of the database, which workers write in the same transaction as a chunk's rows. */
  applied: AppliedTable;
  limitWaits?(ms: number): void;
  close?(): Promise<void>;
}

export interface TargetsOptions {
  /** The database of `DATABASE_URL`. */
  own: Database;
  databases: readonly TableDatabase[];
  allowed: readonly AllowedTables[];
  /** Connections to each database at once. Omitted: a few. */
  connections?: number;
  logger?: Logger;
}

const CONNECTIONS = 2;

/** A database of `TABLE_DATABASES` is away. */
export class TableDatabaseAway extends DatabaseUnavailable {
  override name = "TableDatabaseAway";
  readonly database: string;
  constructor(database: string, cause: unknown) {
    super(`The table database "${database}" is away: ${(cause as Error).message}`, {
      cause,
      isOutcomeUnknown: isOutcomeUnknown(cause),
      isLocked: cause instanceof DatabaseUnavailable && cause.isLocked,
    });
    this.database = database;
  }
}

/** Turns the error of a database that is away into a TableFailure `busy`. The batch then waits and is retried soon. */
export async function orBusy<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (!(error instanceof TableDatabaseAway)) throw error;
    const why = error.isLocked ? "is locked: somebody else writes it" : "is away";
    throw new TableFailure("busy", "away", `the table database "${error.database}" ${why}`, error);
  }
}

/**
 * A failed call that took longer than this makes the node leave the database alone for a while. Otherwise each batch
 * for that database would occupy a worker for as long.
 */
const SLOW_MS = 500;
const LEFT_ALONE_MS = 2_000;

export class TargetDatabases {
  readonly #options: TargetsOptions;
  readonly #open = new Map<string, Promise<Asker>>();
  #isClosed = false;
  readonly #leftAlone = new Map<string, { until: number; error: TableDatabaseAway }>();

  constructor(options: TargetsOptions) {
    this.#options = options;
  }

  get allowed(): readonly AllowedTables[] {
    return this.#options.allowed;
  }

  /** The names that a dataset's `database` may have. It may also be null. */
  get names(): string[] {
    return this.#options.databases.map(({ name }) => name);
  }

  /** Finds a database by its name; name null: the database of `DATABASE_URL`. Null: `TABLE_DATABASES` has none of this name. */
  find(name: string | null): AskedDatabase | null {
    if (name === null) return { name, dialect: this.#ownDialect(), ask: this.#askOwn, send: this.#sendOwn };
    const database = this.#options.databases.find((one) => one.name === name);
    if (!database) return null;
    const ask = async (text: string, values: readonly unknown[]) => this.#askOther(database, text, values);
    const send = async (text: string) => this.#with(database, (asker) => asker.send(text));
    return { name, dialect: dialectOf(database.url), ask: ask as Ask, send: send as AskedDatabase["send"] };
  }

  /**
   * `dataflow_applied` in a database of `TABLE_DATABASES`. Its calls throw TableDatabaseAway. Null: none has this name.
   */
  appliedIn(name: string): AppliedTable | null {
    const database = this.#options.databases.find((one) => one.name === name);
    if (!database) return null;
    const on = <T>(work: (table: AppliedTable) => Promise<T>) => this.#with(database, ({ applied }) => work(applied));
    return {
      make: () => on((table) => table.make()),
      enter: (of) => on((table) => table.enter(of)),
      apply: (of, rows, judge) => on((table) => table.apply(of, rows, judge)),
      look: (batch) => on((table) => table.look(batch)),
      raise: (batch, fence) => on((table) => table.raise(batch, fence)),
      forget: (rows) => on((table) => table.forget(rows)),
      list: (after, limit) => on((table) => table.list(after, limit)),
    };
  }

  /** Measures a round trip in ms. Throws TableDatabaseAway, also for a read-only database. */
  async ping(name: string): Promise<number> {
    const beganAt = performance.now();
    const database = this.find(name);
    if (!database) throw new Error(`TABLE_DATABASES has no "${name}".`);
    const [told] = await database.ask<{ only: string }>(pings[database.dialect], []);
    if (told?.only === "on") throw new TableDatabaseAway(name, new Error("it only reads"));
    return performance.now() - beganAt;
  }

  /** What the catalog says of a table, or why no dataset may write it. Throws the error of a database that is away. */
  describe(database: AskedDatabase, table: string): ReturnType<typeof describeTable> {
    return describeTable(database, table, this.#options.allowed);
  }

  /** For a node that stops: passes the limit on to each database. */
  async limitWaits(ms: number): Promise<void> {
    const open = await Promise.allSettled(this.#open.values());
    for (const one of open) if (one.status === "fulfilled") one.value.limitWaits?.(ms);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(open.map(async (asker) => (await asker.catch(() => null))?.close?.()));
  }

  #ownDialect(): TargetDialect {
    return this.#options.own.sequelize.getDialect() as TargetDialect;
  }

  #askOwn: Ask = async <T>(text: string, values: readonly unknown[]) =>
    (await this.#options.own.sequelize.query(text, { bind: [...values], type: QueryTypes.SELECT })) as T[];

  #sendOwn = async <T>(text: string) =>
    (await this.#options.own.sequelize.query(text, { type: QueryTypes.SELECT })) as T[];

  #askOther(database: TableDatabase, text: string, values: readonly unknown[]): Promise<unknown[]> {
    return this.#with(database, (asker) => asker.ask(text, values));
  }

  /** Runs `work` on an open database of `TABLE_DATABASES`. Throws TableDatabaseAway. */
  async #with<T>({ name, url }: TableDatabase, work: (asker: Asker) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new TableDatabaseAway(name, new Error("the node stops"));
    const left = this.#leftAlone.get(name);
    if (left && performance.now() < left.until) throw left.error;
    const beganAt = performance.now();
    try {
      return await work(await this.#opened(name, url));
    } catch (cause) {
      if (!isUnavailable(cause)) throw cause;
      const error = new TableDatabaseAway(name, cause);
      const now = performance.now();
      if (!error.isOutcomeUnknown && now - beganAt > SLOW_MS)
        this.#leftAlone.set(name, { until: now + LEFT_ALONE_MS, error });
      throw error;
    }
  }

  #opened(name: string, url: string): Promise<Asker> {
    const { connections = CONNECTIONS, logger } = this.#options;
    const opening = this.#open.get(name) ?? openUrl({ name, url, connections }, logger);
    this.#open.set(name, opening);
    opening.catch(() => this.#open.delete(name));
    return opening;
  }
}

function dialectOf(url: string): TargetDialect {
  if (url.startsWith("sqlite:")) return "sqlite";
  return url.startsWith("mssql:") ? "mssql" : "postgres";
}

/**
 * Queries that answer `on` for a read-only database. For a file of SQLite only a write would show it, so it answers
 * `off`.
 */
const pings: Record<TargetDialect, string> = {
  sqlite: "SELECT 'off' AS only",
  postgres: "SELECT current_setting('transaction_read_only') AS only",
  mssql:
    "SELECT CASE CAST(DATABASEPROPERTYEX(DB_NAME(), 'Updateability') AS NVARCHAR(60)) WHEN N'READ_ONLY' THEN N'on' ELSE N'off' END AS [only]",
};

interface To {
  name: string;
  url: string;
  connections: number;
}

/** Loads each driver only when it is needed. That of SQL Server takes longer to load than everything else together. */
export async function openUrl(to: To, logger?: Logger): Promise<Asker> {
  const { url } = to;
  switch (dialectOf(url)) {
    case "sqlite":
      return openFile(fileOf(url) as string);
    case "mssql":
      return (await import("../dialects/mssql/ask.ts")).openAsker(to);
    default:
      return openAsker(to, logger);
  }
}

function openFile(file: string): Asker {
  const thread = new FileThread(file);
  return {
    ask: (text, values) => askFile(file, text, values),
    send: (text) => askFile(file, text, []),
    applied: appliedOf(thread),
    close: () => thread.close(),
  };
}
