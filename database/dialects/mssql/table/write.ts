/**
 * Writes a chunk's rows to the company's own table and commits the chunk, in one transaction on one connection. The
 * table's rows come first. DataFlow's own rows come last, in one batch with COMMIT. So if somebody has locked a row of
 * the table, no cancel, takeover or lease has to wait, and a worker that hangs locks no row of DataFlow's.
 */

import type { TableCommit } from "../../../../services/batch/batch.table.domain.ts";
import type { ChunkCommit, Written } from "../../../../services/batch/batch.writes.domain.ts";
import { DatabaseUnavailable, TableFailure } from "../../../errors.ts";
import { checkCount, storable } from "../../../rows.ts";
import { afterTable, missingRow, type RefusedRow, type TableOutcome, toldOf } from "../../../targets/outcome.ts";
import { patternsOf } from "../../../targets/stage.ts";
import { type Part, partsOf, runsOf } from "../../../targets/staged.text.ts";
import { errorOf, isAway, isCut, isLost, numberOf, unavailable } from "../failure.ts";
import { kinds, type Sql, type Staged } from "../sql.ts";
import type { Together } from "../together.ts";
import { commitTogether } from "../units/commit.ts";
import { codeOfRow, codeOfText, failureOf } from "./states.ts";
import { nameIn, type Traits, traitsOf } from "./traits.ts";
import { ALONE, makeText, roundsText, typeText } from "./typed.text.ts";
import {
  aloneText,
  type Counted,
  isBare,
  type RefusedRaw,
  type ToldRow,
  togetherText,
  withoutText,
} from "./write.text.ts";

/**
 * Writes the rows and commits the chunk. Null: fence, state or chunk did not match, and nothing was written. Throws
 * TableFailure if the table cannot take the chunk now.
 */
export async function commitWithTable(sql: Sql, commit: ChunkCommit, table: TableCommit): Promise<Written | null> {
  checkCount(commit);
  return sql.together(async (unit) => {
    const beganAt = performance.now();
    const outcome = await applied(unit, table).catch((error: unknown) => {
      throw toldFailure(error, table, false);
    });
    const told = toldOf(outcome, performance.now() - beganAt);
    try {
      const written = await commitTogether(unit, afterTable(commit, outcome));
      return written && { ...written, table: told };
    } catch (error) {
      throw toldFailure(error, table, true);
    }
  });
}

/** Translates an error for the caller. `mayBeDone`: whether the sent batch could have committed. */
export function toldFailure(error: unknown, { plan }: TableCommit, mayBeDone: boolean): unknown {
  if (error instanceof TableFailure || error instanceof DatabaseUnavailable) return error;
  if (isCut(error)) return unavailable(error, mayBeDone);
  const number = numberOf(error);
  return number === null || isAway(error) || isLost(error) ? errorOf(error) : failureOf(number, plan.table, error);
}

/** Writes the rows, and leaves the transaction open. */
export async function applied(unit: Together, table: TableCommit): Promise<TableOutcome> {
  const { plan, rows, pieceRows } = table;
  const parts = partsOf(plan);
  const { patterns, numbers } = patternsOf(rows);
  const traits = await traitsOf(unit, plan);
  const runs = traits.seesOrder ? runsOf(parts, rows, plan) : [[]];
  const starts = (runs ?? []).slice(1).map(([first]) => first as number);
  await unit.load([stagedRows(table, numbers)]);
  await unit.run(makeText(plan, parts));
  const [misfits] = (await unit.run(`${typeText(parts)}\n${roundsText(plan, parts, pieceRows, starts)}`)) as [Misfit[]];
  const refused = misfits.map((one) => misfitRow(one, parts));
  if (runs && !traits.isOrdered && !isBare(parts, patterns)) {
    const { counts, told } = await passed(unit, 2, (from) => togetherText(plan, parts, patterns, from));
    if (counts.number === null) return outcomeOf(counts, told, refused, refused.length > 0);
  }
  const { counts, told, faults } = await rowByRow(unit, (from) => aloneText(plan, parts, patterns, from));
  return outcomeOf(counts, told, [...refused, ...faults.map((fault) => refusedRow(fault, table, traits))], true);
}

/** The result of a pass over all rounds. */
interface Passed {
  counts: Counted;
  told: ToldRow[];
  faults: RefusedRaw[];
}

/**
 * Sends requests until the last round is written, or until an error has ended the transaction. `sets`: how many result
 * sets at the end of an answer belong to DataFlow; triggers may answer result sets before them.
 */
async function passed(unit: Together, sets: number, textFrom: (round: number) => string): Promise<Passed> {
  const all: Passed = { counts: { ...NOTHING }, told: [], faults: [] };
  for (let from: number | null = 0; from !== null; ) {
    const answer = (await unit.run(textFrom(from))).slice(-sets);
    const [[counts], told, faults = []] = answer as [[Counted], ToldRow[], RefusedRaw[]?];
    const { created, updated, deleted } = all.counts;
    all.counts = {
      ...counts,
      created: created + counts.created,
      updated: updated + counts.updated,
      deleted: deleted + counts.deleted,
    };
    all.told.push(...told);
    all.faults.push(...faults);
    from = counts.number === null && counts.again === 0 ? counts.next : null;
  }
  return all;
}

const NOTHING: Counted = { created: 0, updated: 0, deleted: 0, number: null, next: null, again: 0 };

async function rowByRow(unit: Together, textFrom: (round: number) => string): Promise<Passed> {
  await unit.run(ALONE);
  const found: RefusedRaw[] = [];
  for (;;) {
    const pass = await passed(unit, 3, textFrom);
    found.push(...pass.faults);
    if (pass.counts.again === 0) return { ...pass, faults: found };
    await unit.run(withoutText(pass.faults.map(({ rank }) => rank)));
  }
}

/** The rows as texts of all columns, each with the number of its pattern. */
function stagedRows({ plan, rows }: TableCommit, numbers: number[]): Staged {
  const names = plan.columns.map((_column, i) => [`c${i}`, kinds.text] as const);
  return {
    name: "#rows",
    columns: { n: kinds.int, p: kinds.int, ...Object.fromEntries(names) },
    order: ["n"],
    rows: rows.map(({ values }, n) => [n, numbers[n], ...plan.columns.map((_column, i) => textOf(values[i]))]),
  };
}

const textOf = (value: string | null | undefined) => (value == null ? null : storable(value));

interface Misfit {
  rank: number;
  number: number;
  place: number | null;
}

const misfitRow = ({ rank, number, place }: Misfit, parts: Part[]): RefusedRow => ({
  rank,
  code: codeOfText(number),
  state: String(number),
  constraint: null,
  column: parts.find(({ i }) => i === place)?.column.name ?? null,
  isAlone: true,
});

function refusedRow({ rank, number, told }: RefusedRaw, { plan }: TableCommit, { constraints }: Traits): RefusedRow {
  const constraint = nameIn(told, constraints.keys());
  const of = constraint === null ? undefined : constraints.get(constraint);
  const planned = plan.columns.map(({ column }) => column.name);
  const first = of?.columns.find((name) => planned.includes(name));
  return {
    rank,
    code: codeOfRow(number, of?.isReference ?? false),
    state: String(number),
    constraint,
    column: first ?? (constraint === null ? nameIn(told, planned) : null),
    isAlone: of === undefined || of.columns.length === 1,
  };
}

/** The outcome of a chunk. A record whose row is missing is a fault of its own. */
function outcomeOf(counts: Counted, told: ToldRow[], refused: RefusedRow[], isRowByRow: boolean): TableOutcome {
  const missing = told.filter(({ isMissing }) => isMissing === 1).map(({ rank }) => missingRow(rank));
  return {
    created: counts.created,
    updated: counts.updated,
    deleted: counts.deleted,
    passed: told
      .filter(({ isMissing }) => isMissing === 0)
      .map(({ rank }) => rank)
      .sort((a, b) => a - b),
    refused: [...refused, ...missing].sort((a, b) => a.rank - b.rank),
    isRowByRow,
  };
}
