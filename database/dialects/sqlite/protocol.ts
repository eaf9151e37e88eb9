/** What goes between the main thread and SQLite's. */
import type { Failure } from "./failure.ts";
import type { UnitName } from "./units/units.ts";

export type SqlValue = null | number | bigint | string | Uint8Array;
export type SqlParams = SqlValue[] | Record<string, SqlValue>;

/** One of the store's units. `size`: about how many bytes it writes. */
export interface UnitRequest {
  kind: "unit";
  id: number;
  op: UnitName;
  args: unknown[];
  size: number;
}

/** A statement of Sequelize; `session` is the connection that it believes to have. */
export interface SqlRequest {
  kind: "sql";
  id: number;
  session: number;
  text: string;
  params: SqlParams;
}

/** Sequelize lets go of a connection; an open transaction of it is rolled back. */
export interface EndSessionRequest {
  kind: "endSession";
  id: number;
  session: number;
}

export interface CloseRequest {
  kind: "close";
  id: number;
}

export type Request = UnitRequest | SqlRequest | EndSessionRequest | CloseRequest;

export interface SqlResult {
  rows: Record<string, unknown>[];
  changes: number;
  lastId: number;
}

/** Ids of what the thread says unasked: its files are open; they are lost. */
export const OPENED = 0;
export const LOST = -1;

export type Reply = { id: number; result: unknown } | { id: number; failure: Failure };

export interface ThreadData {
  file: string;
  /** For a file that is thrown away at the end: no fsync. */
  isTemporary: boolean;
  /** The prefix of the tables. Omitted: they have none. */
  schema?: string;
  /** How long a transaction of Sequelize may keep all others out. */
  transactionMs: number;
}
