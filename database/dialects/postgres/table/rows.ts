/** Writes rows to the table: all at once, or one by one inside the server. */
import type { TableCommit, TableRow } from "../../../../services/batch/batch.table.domain.ts";
import { missingRow, type RefusedRow, type TableOutcome } from "../../../targets/outcome.ts";
import { type Pattern, patternsOf, stageOf } from "../../../targets/stage.ts";
import { insertGroups, runsOf } from "../../../targets/staged.text.ts";
import type { TablePlan } from "../../../targets/target.ts";
import type { Transaction } from "../transaction.ts";
import type { Part } from "./columns.ts";
import { ANSWER, handOver, type LoopAnswer, type LoopFault, loopText } from "./loop.text.ts";
import { fitsAtOnce, insertAllText, type SetAnswer, setText, setValues } from "./set.text.ts";
import { codeOf, failureOf, NO_KEY, SWALLOWED } from "./states.ts";
import { namesOfTable, type Traits } from "./traits.ts";

export interface Writing {
  unit: Transaction;
  table: TableCommit;
  parts: Part[];
  traits: Traits;
}

/**
 * How many statements a chunk may take in which the same keys occur again and again. With more, the chunk is written
 * row by row.
 */
const MOST_ROUNDS = 8;

/** The outcome of writing no row. */
export const nothing = (isRowByRow: boolean): TableOutcome => ({
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

/**
 * Writes all rows at once. Throws if the table refuses a row. Null: the rows must be written one by one, because a
 * trigger has swallowed a row, or there are too many combinations of columns or too many equal keys.
 */
export async function atOnce(writing: Writing, ranks: number[]): Promise<TableOutcome | null> {
  const { table, parts, traits } = writing;
  const runs = traits.seesOrder ? runsOf(parts, rowsAt(table, ranks), table.plan) : [[...ranks.keys()]];
  if (!runs) return null;
  const ranksOf = (run: number[]) => run.map((at) => ranks[at] as number);
  const outcome = nothing(false);
  for (const piece of runs.flatMap((run) => [...piecesOf(ranksOf(run), table.pieceRows)])) {
    let left = piece;
    for (let round = 0; left.length > 0; round++) {
      if (round === MOST_ROUNDS) return null;
      const later = await (table.plan.mode === "insert" ? insert : set)(writing, left, outcome);
      if (!later) return null;
      left = later;
    }
  }
  return sorted(outcome);
}

/**
 * Writes rows in mode `insert`: one statement for each combination of columns that rows leave out. Null: a trigger has
 * swallowed a row, or there are too many combinations.
 */
async function insert({ unit, table, parts }: Writing, ranks: number[], outcome: TableOutcome): Promise<[] | null> {
  const rows = rowsAt(table, ranks);
  const { patterns, numbers } = patternsOf(rows);
  if (!fitsAtOnce(parts, patterns)) return null;
  const groups = insertGroups(parts, patterns);
  for (const { left, of } of groups) {
    const isOf = (rank: number) => of.includes(patterns[numbers[rank] as number] as Pattern);
    const own = groups.length === 1 ? rows : rows.filter((_row, rank) => isOf(rank));
    const stage = stageOf(own, parts.length);
    const created = await unit.change(insertAllText(table.plan, parts, left, stage), setValues(stage));
    if (created !== own.length) return null;
    outcome.created += created;
  }
  return [];
}

/**
 * Writes the first row of each key. Answers the ranks of the other rows, which need a further statement. Null: the rows
 * must be written one by one.
 */
async function set(writing: Writing, ranks: number[], outcome: TableOutcome): Promise<number[] | null> {
  const { unit, table, parts, traits } = writing;
  const { plan } = table;
  const stage = stageOf(rowsAt(table, ranks), parts.length);
  if (!fitsAtOnce(parts, stage.patterns)) return null;
  const text = setText(plan, parts, traits, stage);
  const [answer] = (await unit.run<SetAnswer>(text, setValues(stage))) as [SetAnswer];
  const { created, updated, deleted, due, passed, missing, later } = answer;
  const isTwice = passed.some((n, i) => n === passed[i - 1]);
  if (isTwice || created + updated + deleted > due) throw failureOf(NO_KEY, plan.table);
  if (created + updated + deleted < due) return null;
  // If a row is inserted again after its deletion, it would come after the rows of later records.
  if (traits.seesOrder && deleted > 0 && later.length > 0) return null;
  const rankOf = (n: number) => ranks[n] as number;
  outcome.created += created;
  outcome.updated += updated;
  outcome.deleted += deleted;
  outcome.passed.push(...passed.map(rankOf));
  outcome.refused.push(...missing.map((n) => missingRow(rankOf(n))));
  return later.map(rankOf);
}

const rowsAt = ({ rows }: TableCommit, ranks: number[]): TableRow[] => ranks.map((rank) => rows[rank] as TableRow);

export async function oneByOne({ unit, table, parts, traits }: Writing, all: number[]): Promise<TableOutcome> {
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

/** The table's own name for the index of a partition, unless the dataset has a message for the partition's name. */
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
