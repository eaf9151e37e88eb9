/** The messages between the main thread and SQLite's thread. */
import type { Failure } from "./failure.ts";
import type { SqlStatement } from "./sql.ts";
import type { UnitName } from "./units/units.ts";

/** A unit of the store. `size`: about how many bytes it writes. */
export interface UnitRequest {
  kind: "unit";
  id: number;
  op: UnitName;
  args: unknown[];
  size: number;
}

/** A statement of Sequelize. `session`: the number of what Sequelize treats as a connection. */
export interface SqlRequest extends SqlStatement {
  kind: "sql";
  id: number;
  session: number;
}

/** Sequelize closes a connection. An open transaction of it is rolled back. */
export interface EndSessionRequest {
  kind: "endSession";
  id: number;
  session: number;
}

export interface CloseRequest {
  kind: "close";
  id: number;
}

/** To a thread that has closed its files: it opens these. The first come with its start. */
export interface OpenRequest {
  kind: "open";
  data: ThreadData;
}

export type Request = UnitRequest | SqlRequest | EndSessionRequest | CloseRequest;

/** Ids of messages that the thread sends unasked: its files are open, or they are lost. */
export const OPENED = 0;
export const LOST = -1;

export type Reply = { id: number; result: unknown } | { id: number; failure: Failure };

export interface ThreadData {
  file: string;
  /** The file is deleted at the end, so nothing needs an fsync. */
  isTemporary: boolean;
  /** The prefix of the tables' names. Omitted: none. */
  schema?: string;
  /** How long a transaction of Sequelize may be idle. */
  transactionMs: number;
}
