/** Runs a rendered unit (see render.ts) in SQLite's thread. */
import type { SQLInputValue } from "node:sqlite";
import type { Cell } from "../../units/steps.ts";
import type { Outcome } from "../../units/unit.ts";
import type { Sql } from "./sql.ts";

export interface ProgramStep {
  text: string;
  /**
   * The names of the parameters in the order of their numbers. A name stands for a value of the unit, `now`, or the
   * rows of an earlier step.
   */
  params: string[];
  isRead: boolean;
  /** If set, the answer is built from the rows of earlier steps, and `text` is not run. */
  cells?: Cell[];
  /** The name under which later steps find the rows of this step. */
  into?: string;
  /** The parameter in which later steps get the number of rows that this step has changed. */
  countAs?: string;
  /** Parameters in which later steps get columns of this step's only row. */
  scalars?: [name: string, column: string][];
}

export interface Program {
  steps: ProgramStep[];
  /** Whether all steps only read. */
  isRead: boolean;
}

/** The prefix of a parameter's name. The rest of the name is the row set whose rows the parameter holds. */
export const ROWS_OF = "rows_";

type Values = Record<string, unknown>;
type Row = Record<string, unknown>;

/** Programs by number. The main thread sends each program to the thread only once for a database. */
const programs = new Map<number, Program>();

/** Forgets all programs. Call it before the thread opens another database, whose programs have other numbers. */
export const forgetPrograms = (): void => programs.clear();

/**
 * Runs a program. `program`: null if the thread already has the program of this number. If the first step changes
 * nothing, the later steps are skipped.
 */
export function runProgram(sql: Sql, id: number, values: Values, program: Program | null): Outcome {
  if (program) programs.set(id, program);
  const { steps } = program ?? (programs.get(id) as Program);
  const known: Values = { ...values };
  const sets = new Map<string, Row[]>();
  let changed = 0;
  let rows: Outcome["rows"] = [];
  for (const [n, { text, params, isRead, into, countAs, scalars = [], cells }] of steps.entries()) {
    if (cells) return { rows: answerOf(cells, sets), changed };
    for (const name of params) known[name] ??= neededValue(name, sql, sets);
    const given = params.map((name) => known[name] as SQLInputValue);
    rows = isRead ? sql.all(text, ...given) : [];
    const count = isRead ? rows.length : sql.run(text, ...given);
    if (n === 0) changed = count;
    if (countAs) known[countAs] = count;
    for (const [name, column] of scalars) known[name] = rows[0]?.[column] ?? null;
    if (into) sets.set(`${ROWS_OF}${into}`, rows);
    if (n === 0 && changed === 0) return { rows: [], changed };
  }
  return { rows, changed };
}

/**
 * Makes the value of a parameter when a step first needs it: the time, or the JSON of a row set. NULL for any other
 * name.
 */
function neededValue(name: string, sql: Sql, sets: Map<string, Row[]>): unknown {
  if (name === "now") return sql.now();
  const rows = sets.get(name);
  return rows ? JSON.stringify(rows) : null;
}

/** Builds the answer from row sets. Converting the batch to JSON and back would take a third of the time of a move. */
function answerOf(cells: Cell[], sets: Map<string, Row[]>): Row[] {
  const rowOf = (set: string) => sets.get(`${ROWS_OF}${set}`)?.[0];
  if (!rowOf(cells[0]?.set ?? "")) return [];
  return [Object.fromEntries(cells.map(({ as, set, column }) => [as, rowOf(set)?.[column] ?? null]))];
}
