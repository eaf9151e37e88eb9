/** All units that SQLite's thread runs, by name. The types of the main thread's calls come from this list. */
import { runProgram } from "../program.ts";
import type { Sql } from "../sql.ts";
import { commitTable } from "../table/write.ts";
import { candidates, settleQueues } from "./fairness.ts";
import { claimGroup, commitChunks } from "./group.ts";
import { commitUpload } from "./uploads.ts";
import { claim, commitChunk } from "./work.ts";

/**
 * Units with at most one writing statement. If that statement fails, SQLite undoes it by itself, so these units need no
 * savepoint.
 */
export const singles = {
  runProgram,
  settleQueues,
};

export const compounds = {
  runPrograms: runProgram,
  commitUpload,
  claim,
  claimGroup,
  commitChunk,
  commitChunks,
};

/**
 * Units that begin and end a transaction of their own, because a trigger of the company's table may roll the
 * transaction back.
 */
export const transactions = {
  commitTable,
};

export const reads = {
  readProgram: runProgram,
  candidates,
  now: (sql: Sql) => sql.now(),
};

export type Units = typeof singles & typeof compounds & typeof transactions & typeof reads;
export type UnitName = keyof Units;
type Rest<A> = A extends [Sql, ...infer R] ? R : never;
export type UnitArgs<N extends UnitName> = Rest<Parameters<Units[N]>>;
export type UnitResult<N extends UnitName> = ReturnType<Units[N]>;
/**
 * A unit with unknown arguments. It is declared as a method, because TypeScript compares the arguments of methods
 * loosely. `UnitArgs` has checked the arguments on the main thread.
 */
type AnyUnit = { unit(sql: Sql, ...args: unknown[]): unknown }["unit"];
/** All units by name, for the thread's look-up. */
export type UnitsByName = Record<string, AnyUnit | undefined>;
