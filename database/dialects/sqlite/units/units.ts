/** Everything that the thread can be asked, by name: the types of both sides come from here. */
import { runProgram } from "../program.ts";
import { readChunk } from "../rows.ts";
import type { Sql } from "../sql.ts";
import { candidates, settleQueues } from "./fairness.ts";
import { claimGroup, commitChunks } from "./group.ts";
import { reserveKeys } from "./keys.ts";
import { move, voidLeases } from "./moves.ts";
import { batch, changed, childOf, due, errors, list, now, records, voided } from "./reads.ts";
import { deleteBatch, purgeChunks } from "./removal.ts";
import { answerKey, keyHolder, usage } from "./repeats.ts";
import { deleteStaleErrors, staleErrors } from "./stale.ts";
import { appendChunks, beginKeyedUpload, beginUpload, commitUpload, touchUploads, voidUpload } from "./uploads.ts";
import { claim, commitChunk, extendLeases } from "./work.ts";

/** One writing statement each: SQLite itself undoes it when it fails, so it needs no savepoint. */
export const singles = {
  runProgram,
  touchUploads,
  extendLeases,
  settleQueues,
};

export const compounds = {
  runPrograms: runProgram,
  beginUpload,
  beginKeyedUpload,
  appendChunks,
  voidUpload,
  commitUpload,
  answerKey,
  claim,
  claimGroup,
  commitChunk,
  commitChunks,
  reserveKeys,
  move,
  voidLeases,
  purgeChunks,
  deleteBatch,
  deleteStaleErrors,
};

export const reads = {
  readProgram: runProgram,
  candidates,
  readChunk,
  due,
  voided,
  batch,
  staleErrors,
  childOf,
  list,
  changed,
  errors,
  records,
  now,
  keyHolder,
  usage,
};

export type Units = typeof singles & typeof compounds & typeof reads;
export type UnitName = keyof Units;
type Rest<A> = A extends [Sql, ...infer R] ? R : never;
export type UnitArgs<N extends UnitName> = Rest<Parameters<Units[N]>>;
export type UnitResult<N extends UnitName> = ReturnType<Units[N]>;
/** As the thread calls it: the two sides agree on the arguments by `UnitArgs`. */
export type AnyUnit = (sql: Sql, ...args: unknown[]) => unknown;
