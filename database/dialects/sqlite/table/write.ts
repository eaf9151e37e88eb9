/**
 * Writes a chunk's rows to the company's own table and commits the chunk, in one transaction of SQLite's thread. Rows
 * are written one by one. A failing statement is undone alone, unless a trigger rolls back the whole transaction.
 */

import type { TableCommit, TableRow } from "../../../../services/batch/batch.table.domain.ts";
import type { ChunkCommit } from "../../../../services/batch/batch.writes.domain.ts";
import { afterTable, type RefusedRow, type TableOutcome, toldOf } from "../../../targets/outcome.ts";
import type { TablePlan } from "../../../targets/target.ts";
import type { Sql } from "../sql.ts";
import { heldBy } from "../units/keys.ts";
import { commitChunk } from "../units/work.ts";
import { RowStatements } from "./statements.ts";
import { refusedRow, tableFailure } from "./states.ts";

/** Thrown when a trigger has rolled back the whole transaction because of this row (RAISE(ROLLBACK)). */
export class Ended {
  readonly row: RefusedRow;
  constructor(row: RefusedRow) {
    this.row = row;
  }
}

/**
 * Writes the rows and the chunk in a transaction of its own. Null: the batch had another fence, state or chunk, and
 * nothing was written. Throws TableFailure.
 */
export function commitTable(sql: Sql, commit: ChunkCommit) {
  const table = commit.table as TableCommit;
  const beganAt = performance.now();
  const ending: RefusedRow[] = [];
  for (;;) {
    try {
      // SQLite changes `foreign_keys` only outside of a transaction. DataFlow's own tables have no foreign keys.
      sql.db.exec("PRAGMA foreign_keys = ON");
      sql.run("BEGIN IMMEDIATE");
      if (!heldBy(sql, commit.id, commit.fence, commit.chunk)) return null;
      const outcome = written(sql, table, ending);
      const told = toldOf(outcome, performance.now() - beganAt);
      const done = commitChunk(sql, afterTable(commit, outcome));
      sql.run("COMMIT");
      return done && { ...done, table: told };
    } catch (error) {
      if (!(error instanceof Ended)) throw tableFailure(error, table.plan) ?? error;
      ending.push(error.row);
    } finally {
      if (sql.db.isTransaction) sql.db.exec("ROLLBACK");
      sql.db.exec("PRAGMA foreign_keys = OFF");
    }
  }
}

/**
 * Writes the rows. `ending`: rows known to roll back the transaction, which are not tried again. Throws Ended if
 * another row does that.
 */
export function written(
  sql: Sql,
  { plan, rows }: Pick<TableCommit, "plan" | "rows">,
  ending: RefusedRow[],
): TableOutcome {
  const outcome: TableOutcome = { created: 0, updated: 0, deleted: 0, passed: [], refused: [], isRowByRow: false };
  const writer = new RowWriter(sql, plan, outcome);
  const known = new Map(ending.map((row) => [row.rank, row]));
  for (const [rank, row] of rows.entries()) {
    const refused = known.get(rank) ?? writer.write(row, rank);
    if (refused) outcome.refused.push(refused);
  }
  return outcome;
}

class RowWriter {
  readonly #sql: Sql;
  readonly #plan: TablePlan;
  readonly #outcome: TableOutcome;
  readonly #statements: RowStatements;
  /**
   * Whether the table has triggers. A trigger may write elsewhere before it refuses or skips the row, so each row needs
   * a savepoint.
   */
  readonly #hasTriggers: boolean;
  /**
   * Whether an upsert can start with an UPDATE that shows by its count if the row exists. It cannot with triggers,
   * which may skip the row, nor with `newer`, where an existing row may stay unchanged.
   */
  readonly #updatesFirst: boolean;

  constructor(sql: Sql, plan: TablePlan, outcome: TableOutcome) {
    this.#sql = sql;
    this.#plan = plan;
    this.#outcome = outcome;
    this.#statements = new RowStatements(sql.db, plan);
    const triggers = sql.db.prepare(
      "SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE",
    );
    this.#hasTriggers = triggers.get(plan.table.name) !== undefined;
    this.#updatesFirst = plan.mode === "upsert" && plan.newer === null && !this.#hasTriggers;
  }

  /** Writes a row. Null: the row is written, or needed no write. */
  write(row: TableRow, rank: number): RefusedRow | null {
    const { db } = this.#sql;
    if (this.#hasTriggers) db.exec("SAVEPOINT dataflow_row");
    let refused: RefusedRow | null;
    try {
      refused = this.#write(row, rank);
    } catch (error) {
      refused = refusedRow(error, rank, this.#plan);
      if (!refused) throw error;
      if (!db.isTransaction) throw new Ended(refused);
    }
    if (this.#hasTriggers) db.exec(`${refused ? "ROLLBACK TO dataflow_row; " : ""}RELEASE dataflow_row`);
    return refused;
  }

  #write(row: TableRow, rank: number): RefusedRow | null {
    const { mode } = this.#plan;
    const changes = this.#updatesFirst && !row.isDelete ? this.#statements.update(row) : null;
    if (changes === 1) return this.#counted("updated", changes, rank);
    if (changes === 0) return this.#counted("created", this.#statements.insert(row), rank);
    const isFresh = mode === "insert" ? undefined : this.#statements.find(row);
    if (isFresh !== undefined) return this.#change(row, rank, isFresh);
    if (mode === "update" || mode === "delete") {
      if (mode === "delete" || !row.isDelete)
        return { rank, code: "missing", state: "0", constraint: null, column: null, isAlone: false };
    }
    if (row.isDelete) return this.#pass(rank);
    return this.#counted("created", this.#statements.insert(row), rank);
  }

  /** Changes an existing row: updates or deletes it, or passes over it. */
  #change(row: TableRow, rank: number, isFresh: boolean): RefusedRow | null {
    if (this.#plan.mode === "ignore" || !isFresh) return this.#pass(rank);
    if (row.isDelete) return this.#counted("deleted", this.#statements.remove(row), rank);
    return this.#counted("updated", this.#statements.update(row), rank);
  }

  #pass(rank: number): null {
    this.#outcome.passed.push(rank);
    return null;
  }

  /**
   * Counts a written row. `changes`: how many rows the statement changed; null: there was nothing to write. 0 means
   * that a trigger has skipped the row.
   */
  #counted(what: "created" | "updated" | "deleted", changes: number | null, rank: number): RefusedRow | null {
    if (changes === 0) return { rank, code: "constraint", state: "0", constraint: null, column: null, isAlone: false };
    this.#outcome[what]++;
    return null;
  }
}
