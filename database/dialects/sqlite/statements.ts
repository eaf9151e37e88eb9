/** Statements of Sequelize, known by their text. */
import type { SQLInputValue } from "node:sqlite";
import type { SqlRequest, SqlResult } from "./protocol.ts";
import type { Sql } from "./sql.ts";

export const isBegin = (text: string) => /^\s*BEGIN/i.test(text);
export const isRollback = (text: string) => /^\s*ROLLBACK\b(?!.*\bTO\b)/is.test(text);
export const isEnd = (text: string) => /^\s*(COMMIT|END)/i.test(text) || isRollback(text);
export const isRead = (text: string) => /^\s*(SELECT|PRAGMA|EXPLAIN)/i.test(text);

/** Prepared each time: Sequelize writes values into some texts, so that keeping them would only fill memory. */
export function runStatement({ db }: Sql, { text, params }: SqlRequest): SqlResult {
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
