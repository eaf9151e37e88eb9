import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type { Names } from "../../schema/names.ts";

/**
 * One connection with its prepared statements. Their texts are constants of the units, so each text is prepared once.
 */
export class Sql {
  readonly db: DatabaseSync;
  #statements = new Map<string, StatementSync>();

  readonly #names: Names;

  constructor(db: DatabaseSync, names: Names) {
    this.db = db;
    this.#names = names;
  }

  statement(text: string): StatementSync {
    let found = this.#statements.get(text);
    if (!found) {
      found = this.db.prepare(this.#names.in(text));
      this.#statements.set(text, found);
    }
    return found;
  }

  /** Runs a statement, and answers the number of changed rows. */
  run(text: string, ...params: SQLInputValue[]): number {
    return Number(this.statement(text).run(...params).changes);
  }

  /** Runs an INSERT, and answers the id of the new row. */
  insert(text: string, ...params: SQLInputValue[]): number {
    return Number(this.statement(text).run(...params).lastInsertRowid);
  }

  get<T>(text: string, ...params: SQLInputValue[]): T | undefined {
    return this.statement(text).get(...params) as T | undefined;
  }

  all<T>(text: string, ...params: SQLInputValue[]): T[] {
    return this.statement(text).all(...params) as T[];
  }

  /** Rolls back the open transaction, if there is one. */
  rollback(): void {
    if (this.db.isTransaction) this.db.exec("ROLLBACK");
  }

  /** The time by the database's clock. A unit reads it once, so that all its rows have the same time. */
  now(): number {
    return (this.get<{ now: number }>("SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now") as { now: number })
      .now;
  }
}

export type SqlValue = null | number | bigint | string | Uint8Array;
export type SqlParams = SqlValue[] | Record<string, SqlValue>;

/** A statement of Sequelize. */
export interface SqlStatement {
  text: string;
  params: SqlParams;
}

export interface SqlResult {
  rows: Record<string, unknown>[];
  changes: number;
  lastId: number;
}

// Whether a statement begins or rolls back a transaction. Sequelize tells this only by the statement's text.
export const isBegin = (text: string) => /^\s*BEGIN/i.test(text);
export const isRollback = (text: string) => /^\s*ROLLBACK\b(?!.*\bTO\b)/is.test(text);
export const isEnd = (text: string) => /^\s*(COMMIT|END)/i.test(text) || isRollback(text);
export const isRead = (text: string) => /^\s*(SELECT|PRAGMA|EXPLAIN)/i.test(text);

/**
 * Runs a statement of Sequelize. It is prepared each time, because Sequelize writes values into some texts: keeping
 * such statements would only fill memory.
 */
export function runStatement({ db }: Sql, { text, params }: SqlStatement): SqlResult {
  const statement = db.prepare(text);
  statement.setAllowUnknownNamedParameters(true);
  const [named, positional] = Array.isArray(params) ? [{}, params] : [params, []];
  if (statement.columns().length > 0) {
    const rows = statement.all(named, ...(positional as SQLInputValue[]));
    return { rows, changes: 0, lastId: 0 };
  }
  const { changes, lastInsertRowid } = statement.run(named, ...(positional as SQLInputValue[]));
  return { rows: [], changes: Number(changes), lastId: Number(lastInsertRowid) };
}
