/** Everything that the thread can be asked, by name: the types of both sides come from here. */
import { readChunk } from "../rows.ts";
import type { Sql } from "../sql.ts";
import {
  failDeliveries,
  listDeliveries,
  recordAttempt,
  replayDelivery,
  takeDeliveries,
  voidClaims,
} from "./deliveries.ts";
import { candidates, isOvertaken, setQueue } from "./fairness.ts";
import { acquireLock, extendLock, releaseLock } from "./locks.ts";
import { move, voidLeases } from "./moves.ts";
import { deleteOutbox, takeOutbox } from "./outbox.ts";
import { batch, due, errors, list, now, records, stats } from "./reads.ts";
import { deleteBatch, purgeChunks } from "./removal.ts";
import { appendChunks, beginUpload, commitUpload, touchUploads, voidUpload } from "./uploads.ts";
import { claim, commitChunk, extendLeases } from "./work.ts";

/** One writing statement each: SQLite itself undoes it when it fails, so it needs no savepoint. */
export const singles = {
  beginUpload,
  touchUploads,
  voidUpload,
  extendLeases,
  voidLeases,
  setQueue,
  takeOutbox,
  deleteOutbox,
  acquireLock,
  extendLock,
  releaseLock,
  takeDeliveries,
  voidClaims,
};

export const compounds = {
  appendChunks,
  commitUpload,
  claim,
  commitChunk,
  move,
  purgeChunks,
  deleteBatch,
  recordAttempt,
  failDeliveries,
  replayDelivery,
};

export const reads = {
  candidates,
  isOvertaken,
  readChunk,
  due,
  batch,
  list,
  errors,
  records,
  stats,
  now,
  listDeliveries,
};

export type Units = typeof singles & typeof compounds & typeof reads;
export type UnitName = keyof Units;
type Rest<A> = A extends [Sql, ...infer R] ? R : never;
export type UnitArgs<N extends UnitName> = Rest<Parameters<Units[N]>>;
export type UnitResult<N extends UnitName> = ReturnType<Units[N]>;
/** As the thread calls it: the two sides agree on the arguments by `UnitArgs`. */
export type AnyUnit = (sql: Sql, ...args: unknown[]) => unknown;
