/** What a dialect provides. `database.ts` adds the models and the migrations, which all dialects share. */
import type { Sequelize, Transaction } from "sequelize";
import type { DatabaseRefused, DatabaseUnavailable } from "./errors.ts";
import type { Names } from "./schema/names.ts";
import type { ColumnKind } from "./schema/table.ts";
import type { DeliveryStore, LockStore } from "./store.deliveries.ts";
import type { BatchStore } from "./store.ts";

export type { ColumnKind } from "./schema/table.ts";

export interface Table {
  name: string;
  /** `kind`, or `kind?` for a column that may be NULL. */
  columns: Record<string, ColumnKind | `${ColumnKind}?`>;
  /** Omitted: the column of kind `id` is the primary key. */
  primaryKey?: string[];
  unique?: string[][];
  /** Columns that are unique among the rows in which they are not NULL. */
  uniqueWhereSet?: string[];
  indexes?: string[][];
}

/** An index that a migration adds to a table that may be large. */
export interface Index {
  name: string;
  table: string;
  columns: string[];
  /** The condition of a partial index, as SQL with quoted names. Omitted: the index has all rows. */
  where?: string;
}

/** A change of rows that a migration makes in a table that may be large. The SQL has quoted names. */
export interface Backfill {
  table: string;
  /** A column of whole numbers that is the first column of an index. */
  key: string;
  set: string;
  /** The rows that are still to be changed. A changed row must not match any more. */
  where: string;
}

/** A column with a public id. */
export interface IdColumn {
  name: string;
  isNull?: boolean;
  isUnique?: boolean;
}

export interface Ddl {
  types: Record<ColumnKind, string>;
  /** What follows the closing parenthesis of CREATE TABLE. */
  options(table: Table): string;
  /** Statements to run after CREATE TABLE. */
  after?(table: Table): string[];
  /** The statement that forbids lock escalation from rows to the table. Omitted: the server does not escalate locks. */
  rowLocks?(table: string): string;
  /** The index that finds the idempotency key of an upload. Omitted: the index of most dialects. */
  uploadKeyIndex?: string;
  /** The triggers that keep `batch_count` right (database/counts.ts), whichever statement writes the table `batch`. */
  countBatches: string[];
  /** The statement that makes an index of a large table in a transaction. Omitted: a plain CREATE INDEX. */
  createIndex?(index: Index): string;
  /**
   * Statements that create the triggers of `countBatches` again, for added states. Empty: the triggers know every
   * counted state.
   */
  countAnew: string[];
  /**
   * The trigger that deletes a batch's row of `batch_work` when the batch is taken from its worker. It is for writers that do
   * not know that table: a node of an older version, or an operator's SQL. Empty: nobody else writes this database.
   */
  workTaken: string[];
  /** Statements that create the trigger `workTaken` again, with the counts of rows in the company's own table. */
  workTakenWithTables: string[];
  /** Statements that set how early the server vacuums each table. Omitted: the server needs no setting. */
  cleaned?: string[];
  /** Statements that change text columns to the type of kind `uuid`. Columns of that type stay. Omitted: `uuid` is a text here. */
  idsNative?(table: string, columns: IdColumn[]): string[];
}

/** Statements that move the tables of an older version into a schema of their own, or give their names a prefix. */
export interface Place {
  /** Creates the schema if it is missing. */
  make(schema: string): string[];
  /** Moves a table. `to`: the names of the tables after the move. */
  move(table: string, to: Names): string;
  /** Drops the triggers, because their texts have the old names of the tables. The migration then creates them again. */
  dropTriggers(to: Names): string[];
}

/** The URL, and how many connections to open at once. */
export interface Target {
  url: string;
  connections: number;
}

export interface Logger {
  info(...args: unknown[]): void;
  warn(...args: unknown[]): void;
  error(...args: unknown[]): void;
}

export interface Dialect {
  names: Names;
  place: Place;
  store: BatchStore;
  locks: LockStore;
  deliveries: DeliveryStore;
  sequelize: Sequelize;
  /** Where migrations run: `sequelize` itself, or connections without timeouts. */
  migrations: Sequelize;
  ddl: Ddl;
  /** `schema`: null for a table with a plain name, in the default schema of the connection. `transaction`: one of `migrations`. */
  hasTable(name: string, schema: string | null, transaction: Transaction | null): Promise<boolean>;
  /** Takes the migration lock until `transaction` ends, so that only one process migrates at a time. */
  lockMigrations(transaction: Transaction): Promise<void>;
  /**
   * Makes an index outside of a transaction, while other nodes write the table. Replaces an index that an earlier call left
   * incomplete; a complete one stays. Omitted: indexes are made in a transaction.
   */
  makeIndex?(index: Index): Promise<void>;
  /**
   * Changes rows piece by piece, each piece in a transaction of its own, while other nodes write the table. Continues an
   * earlier call that was interrupted. Omitted: the rows are changed in one transaction.
   */
  fill?(backfill: Backfill): Promise<void>;
  now(): Promise<number>;
  isEmbedded: boolean;
  /** Clears deleted rows from the database's own log. Omitted: the server has its own tools for that. */
  wipe?(): Promise<void>;
  /** The error as a DatabaseRefused, if a wrong URL or setting caused it. */
  refusalOf?(error: unknown): DatabaseRefused | null;
  /** The error, thrown through Sequelize or umzug, as a DatabaseUnavailable, if the server is only away for now. */
  awayOf?(error: unknown): DatabaseUnavailable | null;
  /**
   * Closes the models' open connections, because one gave the answer to another query. Omitted: that cannot happen
   * here.
   */
  distrust?(): void;
  /** For a node that stops: gives up on a server that is silent for longer than `ms`. Omitted: the timeouts are short anyway. */
  limitWaits?(ms: number): void;
  close(): Promise<void>;
}
