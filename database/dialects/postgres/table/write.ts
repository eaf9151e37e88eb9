/**
 * Writes a chunk's rows to the company's own table and commits the chunk, in one transaction on one connection. The
 * table's rows come first. DataFlow's own rows come last, in one message with COMMIT. So if somebody has locked a row
 * of the table, no cancel, takeover or lease has to wait, and a worker that hangs locks no row of DataFlow's.
 */

import type { TableCommit } from "../../../../services/batch/batch.table.domain.ts";
import type { ChunkCommit, Written } from "../../../../services/batch/batch.writes.domain.ts";
import { DatabaseUnavailable, TableFailure } from "../../../errors.ts";
import { checkCount } from "../../../rows.ts";
import { afterTable, type TableOutcome, toldOf } from "../../../targets/outcome.ts";
import type { TablePlan } from "../../../targets/target.ts";
import { errorOf } from "../failure.ts";
import type { Sql } from "../sql.ts";
import type { Transaction } from "../transaction.ts";
import { lastStatement, type RawCommitted } from "../units/work.ts";
import { partsOf } from "./columns.ts";
import { atOnce, nothing, oneByOne, type Writing } from "./rows.ts";
import { failureOf, mayBeOfRow } from "./states.ts";
import { type Traits, traitsOf } from "./traits.ts";

/** Deferred constraints are checked row by row, as if each record came alone. */
const SETTINGS = "SET CONSTRAINTS ALL IMMEDIATE";
/** The SQLSTATE of the last statement if the batch was taken away from this worker. */
export const NOT_OURS = "22012";
/**
 * How many rows are written together after a chunk has failed as a whole. Most chunks have few wrong rows, so only the
 * pieces with wrong rows are written again, row by row. After MOST_WRONG_PIECES such pieces, trying whole pieces is a
 * waste, and the rest of the chunk is written row by row.
 */
const PIECE_ROWS = 500;
const MOST_WRONG_PIECES = 3;
const SAVEPOINT = "SAVEPOINT dataflow_piece";

/**
 * Writes the rows and commits the chunk. Null: fence, state or chunk did not match, and nothing was written. Throws
 * TableFailure if the table cannot take the chunk now.
 */
export async function commitWithTable(sql: Sql, commit: ChunkCommit, table: TableCommit): Promise<Written | null> {
  checkCount(commit);
  return sql.transaction(async (unit) => {
    const beganAt = performance.now();
    const outcome = await applied(unit, table).catch((error: unknown) => {
      throw toldFailure(error, table);
    });
    const told = toldOf(outcome, performance.now() - beganAt);
    const last = lastStatement(sql, afterTable(commit, outcome));
    try {
      const [row] = await unit.commit<RawCommitted>(sql.names.in(last.text), last.values);
      const written = last.committed(row);
      return written && { ...written, table: told };
    } catch (error) {
      if (stateOf(error) === NOT_OURS) return null;
      throw toldFailure(error, table);
    }
  });
}

export const stateOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? "");

/** Translates an error of the server into a TableFailure, and other errors with `errorOf`. */
export function toldFailure(error: unknown, { plan }: TableCommit): unknown {
  if (error instanceof TableFailure) return error;
  const state = stateOf(error);
  const isServers = /^[0-9A-Z]{5}$/.test(state) && (!/^(08|53|57|58)/.test(state) || state === "57014");
  return isServers ? failureOf(state, plan.table, error) : errorOf(error);
}

export async function applied(unit: Transaction, table: TableCommit): Promise<TableOutcome> {
  await unit.begin(SETTINGS);
  const traits = await knownTraits(unit, table);
  const writing = { unit, table, parts: partsOf(table.plan), traits };
  const all = [...table.rows.keys()];
  if (traits.isOrdered) return oneByOne(writing, all);
  const outcome = await asBefore(writing, all);
  lastWrong.set(table.plan, outcome.refused.filter(({ code }) => code !== "missing").length);
  return outcome;
}

/**
 * How many wrong rows the previous chunk had. Most files have wrong rows throughout or hardly any, so this number tells
 * whether trying a whole chunk is worth it.
 */
const lastWrong = new WeakMap<TablePlan, number>();

async function asBefore(writing: Writing, all: number[]): Promise<TableOutcome> {
  const wrong = lastWrong.get(writing.table.plan) ?? 0;
  if (wrong > MOST_WRONG_PIECES) return oneByOne(writing, all);
  if (wrong > 0 && all.length > PIECE_ROWS) return inPieces(writing, all);
  const outcome = await atOnceOrNull(writing, all);
  if (outcome) return outcome;
  await writing.unit.begin(SETTINGS);
  return inPieces(writing, all);
}

/** Writes the rows at once. Null: a row is wrong, and the caller must roll back the transaction or its savepoint. */
async function atOnceOrNull(writing: Writing, ranks: number[]): Promise<TableOutcome | null> {
  try {
    return await atOnce(writing, ranks);
  } catch (error) {
    if (error instanceof DatabaseUnavailable || !mayBeOfRow(stateOf(error))) throw error;
    return null;
  }
}

/**
 * Writes rows, some of which are wrong, piece by piece in their order. So each row meets what the rows before it have
 * left, as it would alone.
 */
async function inPieces(writing: Writing, all: number[]): Promise<TableOutcome> {
  const size = Math.min(PIECE_ROWS, writing.table.pieceRows ?? PIECE_ROWS);
  const outcomes: TableOutcome[] = [];
  let [at, wrong] = [0, 0];
  // If the chunk is a single piece, the piece has failed already, as the whole chunk.
  for (; all.length > size && at < all.length && wrong < MOST_WRONG_PIECES; at += size) {
    const piece = all.slice(at, at + size);
    const right = await undoneIfWrong(writing, piece);
    if (!right) wrong++;
    outcomes.push(right ?? (await oneByOne(writing, piece)));
  }
  outcomes.push(await oneByOne(writing, all.slice(at)));
  return outcomes.reduce(added, nothing(true));
}

async function undoneIfWrong(writing: Writing, piece: number[]): Promise<TableOutcome | null> {
  const { unit } = writing;
  await unit.run(SAVEPOINT);
  const outcome = await atOnceOrNull(writing, piece);
  await unit.run(outcome ? `RELEASE ${SAVEPOINT}` : `ROLLBACK TO ${SAVEPOINT}; RELEASE ${SAVEPOINT}`);
  return outcome;
}

const added = (sum: TableOutcome, more: TableOutcome): TableOutcome => ({
  created: sum.created + more.created,
  updated: sum.updated + more.updated,
  deleted: sum.deleted + more.deleted,
  passed: sum.passed.concat(more.passed),
  refused: sum.refused.concat(more.refused),
  isRowByRow: sum.isRowByRow,
});

/** The traits of tables, cached for as long as the plan is in use. */
const known = new WeakMap<TablePlan, Traits>();

async function knownTraits(unit: Transaction, { plan }: TableCommit): Promise<Traits> {
  const traits = known.get(plan) ?? (await traitsOf(unit, plan));
  if (!traits) throw failureOf("42P01", plan.table);
  known.set(plan, traits);
  return traits;
}
