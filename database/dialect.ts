/** What a folder of `dialects/` provides; `database.ts` adds models and migrations, which all dialects share. */
import type { Sequelize, Transaction } from "sequelize";
import type { DeliveryStore } from "./deliveries.ts";
import type { DatabaseRefused, DatabaseUnavailable } from "./errors.ts";
import type { LockStore } from "./locks.ts";
import type { Names } from "./schema/names.ts";
import type { ColumnKind } from "./schema/table.ts";
import type { BatchStore } from "./store.ts";

export type { ColumnKind } from "./schema/table.ts";

export interface Table {
  name: string;
  /** `kind`, or `kind?` for a column that may be NULL. */
  columns: Record<string, ColumnKind | `${ColumnKind}?`>;
  /** Omitted: the column of kind `id`. */
  primaryKey?: string[];
  unique?: string[][];
  /** Unique among the rows where the column is not NULL. */
  uniqueWhereSet?: string[];
  indexes?: string[][];
}

/** An index that is added to a table which may be large. */
export interface Index {
  name: string;
  table: string;
  columns: string[];
  /** Rows that it is over, as SQL with quoted names; omitted: all. */
  where?: string;
}

/** A change of rows of a table which may be large. Names in it are quoted. */
export interface Backfill {
  table: string;
  /** A column of whole numbers with which an index begins. */
  key: string;
  set: string;
  /** The rows that are left to be changed. No row is one after it was changed. */
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
  /** What follows the closing bracket of CREATE TABLE. */
  options(table: Table): string;
  /** Statements that follow it, where a table needs some. */
  after?(table: Table): string[];
  /** The statement that keeps the server from locking a table in place of many of its rows; omitted: it never does. */
  rowLocks?(table: string): string;
  /** The index that finds the key of an upload, where it is not the one of the others. */
  uploadKeyIndex?: string;
  /** The triggers that keep `batch_count` (database/counts.ts), whatever writes `batch`. */
  countBatches: string[];
  /** The statement that makes an index of a large table in a transaction, where it is not the plain one. */
  createIndex?(index: Index): string;
  /**
   * The trigger by which a batch that is taken from its worker takes its row of `batch_work` along, also where a node of an older
   * version or an operator does it. Empty: nobody else writes this database.
   */
  workTaken: string[];
  /** How early the server cleans each table of rows that are gone; omitted: it needs no telling. */
  cleaned?: string[];
  /** Gives the columns, which are texts or have it already, the type of kind `uuid`. Omitted: that is a text. */
  idsNative?(table: string, columns: IdColumn[]): string[];
}

/** How the tables of a database from before they had a place of their own come there. */
export interface Place {
  /** Makes the place, where there is none. */
  make(schema: string): string[];
  /** `to`: the names in the place. */
  move(table: string, to: Names): string;
  /** Drops the triggers, whose texts have the former names; they are made anew. */
  dropTriggers(to: Names): string[];
}

/** Where to, and with how many connections at once. */
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
  /** Where migrations run: the same, or one without limits of time. */
  migrations: Sequelize;
  ddl: Ddl;
  /** `schema`: null for a table with its plain name, wherever the connection looks first. The transaction is one of `migrations`. */
  hasTable(name: string, schema: string | null, transaction: Transaction | null): Promise<boolean>;
  /** Held until `transaction` ends: one migrates at a time. */
  lockMigrations(transaction: Transaction): Promise<void>;
  /**
   * Makes an index outside of a transaction, while others write its table. What an earlier call has left half made is made anew,
   * what is there stays. Omitted: indexes are made in a transaction.
   */
  makeIndex?(index: Index): Promise<void>;
  /**
   * Changes rows in pieces, each a transaction of its own, while others write the table. Goes on where an earlier call was broken
   * off. Omitted: they are changed in one transaction.
   */
  fill?(backfill: Backfill): Promise<void>;
  now(): Promise<number>;
  isEmbedded: boolean;
  /** What was thrown, where it is the fault of the URL. */
  refusalOf?(error: unknown): DatabaseRefused | null;
  /** What was thrown, through Sequelize or umzug, where the server is merely away. */
  awayOf?(error: unknown): DatabaseUnavailable | null;
  /** A connection of the models answered another question than it was asked: none of them is used again. Omitted: there are none. */
  distrust?(): void;
  /** The node stops: a server that lets it wait for longer is given up. Omitted: it does not. */
  hurry?(ms: number): void;
  close(): Promise<void>;
}
