/**
 * A chunk's rows in the company's own table and the chunk's commit, in one transaction on one connection. The table comes first, DataFlow's
 * own rows last and with COMMIT in the same message: so a row of the table that somebody has locked holds up no cancel, no
 * takeover and no lease, and a worker that hangs holds no row of DataFlow's.
 */

import type { TableCommit, TableRow } from "../../../../services/batch/batch.table.domain.ts";
import type { ChunkCommit, Written } from "../../../../services/batch/batch.writes.domain.ts";
import { DatabaseUnavailable, TableFailure } from "../../../errors.ts";
import { checkCount } from "../../../rows.ts";
import { afterTable, missingRow, type RefusedRow, type TableOutcome, toldOf } from "../../../targets/outcome.ts";
import { stageOf } from "../../../targets/stage.ts";
import type { TablePlan } from "../../../targets/target.ts";
import { errorOf } from "../failure.ts";
import type { RawWritten } from "../rows.ts";
import type { Sql } from "../sql.ts";
import type { Transaction } from "../transaction.ts";
import { lastStatement } from "../units/work.ts";
import { type Part, partsOf } from "./columns.ts";
import { ANSWER, handOver, type LoopAnswer, type LoopFault, loopText } from "./loop.text.ts";
import { fitsOneStatement, type SetAnswer, setText, setValues } from "./set.text.ts";
import { codeOf, failureOf, mayBeOfRow, SWALLOWED } from "./states.ts";
import { namesOfTable, type Traits, traitsOf } from "./traits.ts";

/** Deferred constraints are judged row by row, as if each record came alone. */
const SETTINGS = "SET CONSTRAINTS ALL IMMEDIATE";
/** The last statement found the batch taken away. */
export const NOT_OURS = "22012";
/**
 * So few wrong rows as most chunks have cost no more than the pieces that they are in. Where each piece has some, its whole tries
 * are for nothing: so the rest is written row by row then.
 */
const PIECE_ROWS = 500;
const MOST_WRONG_PIECES = 3;
const SAVEPOINT = "SAVEPOINT dataflow_piece";
/** Statements of a chunk in which the same keys come again and again; what is left after them is written row by row. */
const MOST_ROUNDS = 8;

/** Null: fence, state or chunk was another, and nothing was written. Throws TableFailure where the table does not take the chunk now. */
export async function commitWithTable(sql: Sql, commit: ChunkCommit, table: TableCommit): Promise<Written | null> {
  checkCount(commit);
  return sql.transaction(async (unit) => {
    const beganAt = performance.now();
    const outcome = await applied(unit, table).catch((error: unknown) => {
      throw toldFailure(error, table);
    });
    const told = toldOf(outcome, performance.now() - beganAt);
    const last = lastStatement(afterTable(commit, outcome));
    try {
      const [row] = await unit.commit<RawWritten>(sql.names.in(last.text), last.values);
      const written = last.written(row);
      return written && { ...written, table: told };
    } catch (error) {
      if (stateOf(error) === NOT_OURS) return null;
      throw toldFailure(error, table);
    }
  });
}

export const stateOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? "");

/** Of the server's errors, what the table's writer has to know. What concerns the connection is told as elsewhere. */
export function toldFailure(error: unknown, { plan }: TableCommit): unknown {
  if (error instanceof TableFailure) return error;
  const state = stateOf(error);
  const isServers = /^[0-9A-Z]{5}$/.test(state) && (!/^(08|53|57|58)/.test(state) || state === "57014");
  return isServers ? failureOf(state, plan.table, error) : errorOf(error);
}

interface Writing {
  unit: Transaction;
  table: TableCommit;
  parts: Part[];
  traits: Traits;
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

/** Wrong rows of the chunk before. A file has them all along or hardly at all, and a try that fails is for nothing. */
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

/** Null: some row is wrong, and the transaction or its savepoint has to be undone. */
async function atOnceOrNull(writing: Writing, ranks: number[]): Promise<TableOutcome | null> {
  try {
    return await atOnce(writing, ranks);
  } catch (error) {
    if (error instanceof DatabaseUnavailable || !mayBeOfRow(stateOf(error))) throw error;
    return null;
  }
}

/** Rows among which some are wrong, piece after piece: so each row meets what those before it have left, as it would alone. */
async function inPieces(writing: Writing, all: number[]): Promise<TableOutcome> {
  const size = Math.min(PIECE_ROWS, writing.table.pieceRows ?? PIECE_ROWS);
  const outcomes: TableOutcome[] = [];
  let [at, wrong] = [0, 0];
  // A single piece has been tried already, as the whole chunk.
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

/** For as long as the plan is known. */
const known = new WeakMap<TablePlan, Traits>();

async function knownTraits(unit: Transaction, { plan }: TableCommit): Promise<Traits> {
  const traits = known.get(plan) ?? (await traitsOf(unit, plan));
  if (!traits) throw failureOf("42P01", plan.table);
  known.set(plan, traits);
  return traits;
}

const nothing = (isRowByRow: boolean): TableOutcome => ({
  created: 0,
  updated: 0,
  deleted: 0,
  passed: [],
  refused: [],
  isRowByRow,
});

const sorted = ({ passed, refused, ...rest }: TableOutcome): TableOutcome => ({
  ...rest,
  passed: passed.sort((a, b) => a - b),
  refused: refused.sort((a, b) => a.rank - b.rank),
});

function* piecesOf(ranks: number[], size: number | null): Generator<number[]> {
  const most = size ?? ranks.length;
  for (let at = 0; at < ranks.length; at += most) yield ranks.slice(at, at + most);
}

/** Null: some row was swallowed, or there are too many kinds of rows. Throws where the table refuses one. */
async function atOnce(writing: Writing, ranks: number[]): Promise<TableOutcome | null> {
  const { table } = writing;
  const outcome = nothing(false);
  for (const piece of piecesOf(ranks, table.pieceRows)) {
    let left = piece;
    for (let round = 0; left.length > 0; round++) {
      if (round === MOST_ROUNDS) return null;
      const later = await set(writing, left, outcome);
      if (!later) return null;
      left = later;
    }
  }
  return sorted(outcome);
}

/** Writes the first row of each key. Answers the ranks of the others; null: a row was swallowed. */
async function set(writing: Writing, ranks: number[], outcome: TableOutcome): Promise<number[] | null> {
  const { unit, table, parts, traits } = writing;
  const { plan } = table;
  const stage = stageOf(rowsAt(table, ranks), parts.length);
  if (!fitsOneStatement(parts, stage.patterns)) return null;
  const text = setText(plan, parts, traits, stage);
  const [answer] = (await unit.run<SetAnswer>(text, setValues(stage))) as [SetAnswer];
  const { created, updated, deleted, due, passed, missing, later } = answer;
  if (created + updated + deleted !== due) return null;
  const rankOf = (n: number) => ranks[n] as number;
  outcome.created += created;
  outcome.updated += updated;
  outcome.deleted += deleted;
  outcome.passed.push(...passed.map(rankOf));
  outcome.refused.push(...missing.map((n) => missingRow(rankOf(n))));
  return later.map(rankOf);
}

const rowsAt = ({ rows }: TableCommit, ranks: number[]): TableRow[] => ranks.map((rank) => rows[rank] as TableRow);

async function oneByOne({ unit, table, parts, traits }: Writing, all: number[]): Promise<TableOutcome> {
  const outcome = nothing(true);
  for (const ranks of piecesOf(all, table.pieceRows)) {
    const stage = stageOf(rowsAt(table, ranks), parts.length);
    const given = handOver(stage);
    await unit.run(given.text, given.values);
    await unit.run(loopText(table.plan, parts, traits, stage));
    const [told] = await unit.run<{ answer: string }>(ANSWER);
    const { created, updated, deleted, passed, missing, faults }: LoopAnswer = JSON.parse(told?.answer ?? "");
    const rankOf = (n: number) => ranks[n] as number;
    const ofTable = await namesOfTable(
      unit,
      traits,
      faults.map(({ constraint }) => constraint),
    );
    const named = (fault: LoopFault) => ({ ...fault, constraint: nameOf(fault, table.plan, ofTable) });
    outcome.created += created;
    outcome.updated += updated;
    outcome.deleted += deleted;
    outcome.passed.push(...passed.map(rankOf));
    outcome.refused.push(
      ...missing.map((n) => missingRow(rankOf(n))),
      ...faults.map((fault) => refusedRow(named(fault), rankOf(fault.rank), table, traits)),
    );
  }
  return sorted(outcome);
}

/** The table's own name of a partition's index, unless the dataset has a message for that of the partition. */
const nameOf = ({ constraint }: LoopFault, { messages }: TablePlan, ofTable: Map<string, string>): string =>
  Object.hasOwn(messages, constraint) ? constraint : (ofTable.get(constraint) ?? constraint);

function refusedRow(fault: LoopFault, rank: number, { plan }: TableCommit, traits: Traits): RefusedRow {
  const { state, isCast } = fault;
  const constraint = fault.constraint || null;
  const planned = new Set(plan.columns.map(({ column }) => column.name));
  const columns = traits.constraints[constraint ?? ""];
  const of = columns?.find((name) => planned.has(name));
  return {
    rank,
    code: state === SWALLOWED ? "constraint" : codeOf(state, isCast),
    state,
    constraint,
    column: fault.column || of || null,
    isAlone: Boolean(fault.column) || columns?.length === 1,
  };
}
