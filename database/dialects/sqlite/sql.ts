import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type { Names } from "../../schema/names.ts";

/** One connection with its prepared statements: the texts are constants of the units, so each is prepared once. */
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

  /** Rows changed. */
  run(text: string, ...params: SQLInputValue[]): number {
    return Number(this.statement(text).run(...params).changes);
  }

  /** The id of the new row. */
  insert(text: string, ...params: SQLInputValue[]): number {
    return Number(this.statement(text).run(...params).lastInsertRowid);
  }

  get<T>(text: string, ...params: SQLInputValue[]): T | undefined {
    return this.statement(text).get(...params) as T | undefined;
  }

  all<T>(text: string, ...params: SQLInputValue[]): T[] {
    return this.statement(text).all(...params) as T[];
  }

  /** The database's clock, to be asked once a unit. */
  now(): number {
    return (this.get<{ now: number }>("SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now") as { now: number })
      .now;
  }
}
