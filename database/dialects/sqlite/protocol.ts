/** The messages between the main thread and SQLite's thread. */
import type { Failure } from "./failure.ts";
import type { SqlStatement } from "./sql.ts";
import type { UnitName } from "./units/units.ts";

/** A unit of the store. `size`: about how many bytes the unit writes. */
export interface UnitRequest {
  kind: "unit";
  id: number;
  op: UnitName;
  args: unknown[];
  size: number;
}

/** A statement of Sequelize. `session`: a number that stands for one of Sequelize's connections. */
export interface SqlRequest extends SqlStatement {
  kind: "sql";
  id: number;
  session: number;
}

/** Sequelize has closed a connection. If the connection has an open transaction, the thread rolls it back. */
export interface EndSessionRequest {
  kind: "endSession";
  id: number;
  session: number;
}

export interface CloseRequest {
  kind: "close";
  id: number;
}

/** Tells a kept thread to open the files of another database. A new thread gets its first files when it starts. */
export interface OpenRequest {
  kind: "open";
  data: ThreadData;
}

export type Request = UnitRequest | SqlRequest | EndSessionRequest | CloseRequest;

/**
 * Ids of messages that the thread sends without a request: OPENED (its files are open) and LOST (its files are lost).
 */
export const OPENED = 0;
export const LOST = -1;

export type Reply = { id: number; result: unknown } | { id: number; failure: Failure };

export interface ThreadData {
  file: string;
  /** Whether the file is deleted when it is closed. Then no write needs an fsync. */
  isTemporary: boolean;
  /** The prefix of the names of tables. Omitted: no prefix. */
  schema?: string;
  /** How long a transaction of Sequelize may be idle. */
  transactionMs: number;
}
