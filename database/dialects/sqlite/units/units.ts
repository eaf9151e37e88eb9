/** Everything that the thread can be asked, by name: the types of both sides come from here. */
import { runProgram } from "../program.ts";
import type { Sql } from "../sql.ts";
import { candidates, settleQueues } from "./fairness.ts";
import { claimGroup, commitChunks } from "./group.ts";
import { commitUpload } from "./uploads.ts";
import { claim, commitChunk } from "./work.ts";

/** One writing statement each: SQLite itself undoes it when it fails, so it needs no savepoint. */
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

export const reads = {
  readProgram: runProgram,
  candidates,
  now: (sql: Sql) => sql.now(),
};

export type Units = typeof singles & typeof compounds & typeof reads;
export type UnitName = keyof Units;
type Rest<A> = A extends [Sql, ...infer R] ? R : never;
export type UnitArgs<N extends UnitName> = Rest<Parameters<Units[N]>>;
export type UnitResult<N extends UnitName> = ReturnType<Units[N]>;
/** As the thread calls it: the two sides agree on the arguments by `UnitArgs`. */
export type AnyUnit = (sql: Sql, ...args: unknown[]) => unknown;
