/** A unit as SQLite's thread carries it out: see render.ts. */
import type { SQLInputValue } from "node:sqlite";
import type { Outcome } from "../../units/unit.ts";
import type { Sql } from "./sql.ts";

export interface ProgramStep {
  text: string;
  /** By name, in the order of their numbers: of the unit's values, `now`, or the rows of an earlier step. */
  params: string[];
  isRead: boolean;
  /** Later steps know its rows by this name. */
  into?: string;
  /** Later steps know by this name how many rows it has changed. */
  countAs?: string;
}

export interface Program {
  steps: ProgramStep[];
  /** It writes nothing. */
  isRead: boolean;
}

/** In front of a row set's name, where its rows are a parameter. */
export const ROWS_OF = "rows_";

type Values = Record<string, unknown>;

/** Those of this process's one database, by number: a text comes over once. */
const programs = new Map<number, Program>();

/** `program`: null where the thread has it. Where the first step changes nothing, the ones after it would neither. */
export function runProgram(sql: Sql, id: number, values: Values, program: Program | null): Outcome {
  if (program) programs.set(id, program);
  const { steps } = program ?? (programs.get(id) as Program);
  const known: Values = { ...values };
  let changed = 0;
  let rows: Outcome["rows"] = [];
  for (const [n, { text, params, isRead, into, countAs }] of steps.entries()) {
    if (params.includes("now")) known.now ??= sql.now();
    const given = params.map((name) => known[name] as SQLInputValue);
    rows = isRead ? sql.all(text, ...given) : [];
    const count = isRead ? rows.length : sql.run(text, ...given);
    if (n === 0) changed = count;
    if (countAs) known[countAs] = count;
    if (into) known[`${ROWS_OF}${into}`] = JSON.stringify(rows);
    if (n === 0 && changed === 0) return { rows: [], changed };
  }
  return { rows, changed };
}
