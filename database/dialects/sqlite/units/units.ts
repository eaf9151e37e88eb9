/** All units that the thread runs, by name. The types of both sides come from here. */
import { runProgram } from "../program.ts";
import type { Sql } from "../sql.ts";
import { commitTable } from "../table/write.ts";
import { candidates, settleQueues } from "./fairness.ts";
import { claimGroup, commitChunks } from "./group.ts";
import { commitUpload } from "./uploads.ts";
import { claim, commitChunk } from "./work.ts";

/** Units with one writing statement. If it fails, SQLite undoes it by itself, so they need no savepoint. */
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

/** Each makes a transaction of its own, for it may end it. */
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
/** Declared as a method, because TypeScript compares the arguments of methods loosely. The client has checked them with `UnitArgs`. */
type AnyUnit = { unit(sql: Sql, ...args: unknown[]): unknown }["unit"];
/** The units as the thread looks them up. */
export type UnitsByName = Record<string, AnyUnit | undefined>;
