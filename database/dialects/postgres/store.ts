import type { BatchStore } from "../../store.ts";
import type { Sql } from "./sql.ts";
import { candidates, isOvertaken, setQueue } from "./units/fairness.ts";
import { move, voidLeases } from "./units/moves.ts";
import { deleteOutbox, takeOutbox } from "./units/outbox.ts";
import { batch, due, errors, list, records, stats } from "./units/reads.ts";
import { deleteBatch, purgeChunks } from "./units/removal.ts";
import { appendChunks, beginUpload, commitUpload, touchUploads, voidUpload } from "./units/uploads.ts";
import { claim, commitChunk, extendLeases, readChunk } from "./units/work.ts";

const units = {
  beginUpload,
  appendChunks,
  touchUploads,
  commitUpload,
  voidUpload,
  candidates,
  claim,
  readChunk,
  commitChunk,
  extendLeases,
  isOvertaken,
  move,
  due,
  voidLeases,
  purgeChunks,
  deleteBatch,
  batch,
  list,
  errors,
  records,
  stats,
  setQueue,
  takeOutbox,
  deleteOutbox,
};

/** The seam, each unit with the pool in front. */
export function postgresStore(sql: Sql): BatchStore {
  const bound = Object.entries(units).map(([name, unit]) => [
    name,
    (...args: unknown[]) => (unit as (sql: Sql, ...args: unknown[]) => unknown)(sql, ...args),
  ]);
  return Object.fromEntries(bound) as BatchStore;
}
