import type { DeliveryStore } from "../../deliveries.ts";
import type { LockStore } from "../../locks.ts";
import type { BatchStore } from "../../store.ts";
import { deliveries } from "../../units/deliveries.ts";
import { locks } from "../../units/locks.ts";
import { sharedStore } from "../../units/store.ts";
import { Units } from "../../units/unit.ts";
import { resolving } from "../../unknown.ts";
import { verified } from "../../verified.ts";
import { bound } from "../bound.ts";
import type { Links } from "./links.ts";
import { runnerOn } from "./render.ts";
import type { Sql } from "./sql.ts";
import { UploadCommits } from "./together.ts";
import { candidates } from "./units/fairness.ts";
import { claimGroup, commitChunks } from "./units/group.ts";
import { reserveKeys } from "./units/keys.ts";
import { move, voidLeases } from "./units/moves.ts";
import { batch, batchById, changed, childOf, due, errors, list, outboxOf, records, voided } from "./units/reads.ts";
import { deleteBatch, purgeChunks } from "./units/removal.ts";
import { answerKey, keyHolder, usage } from "./units/repeats.ts";
import { deleteStaleErrors, staleErrors } from "./units/stale.ts";
import { appendChunks, beginKeyedUpload, beginUpload, touchUploads, voidUpload } from "./units/uploads.ts";
import { claim, commitChunk, extendLeases, readChunk } from "./units/work.ts";

const on = (sql: Sql) => new Units(runnerOn(sql));

const units = {
  beginUpload,
  beginKeyedUpload,
  appendChunks,
  touchUploads,
  voidUpload,
  keyHolder,
  answerKey,
  usage,
  candidates,
  claim,
  claimGroup,
  readChunk,
  commitChunk,
  commitChunks,
  reserveKeys,
  extendLeases,
  move,
  due,
  voided,
  voidLeases,
  purgeChunks,
  deleteBatch,
  staleErrors,
  deleteStaleErrors,
  batch,
  childOf,
  list,
  changed,
  errors,
  records,
};

/**
 * PostgreSQL splits what has more into rows of 2 kB, writes it to the log as well, and gets it over a socket: compressing
 * 20 kB costs less than that, here and there together.
 */
const LEAST_COMPRESSED = 2 * 1024;

/** The seam, each unit with the pool in front. */
export const postgresStore = (sql: Sql, links: Links): BatchStore => {
  const store = {
    ...(bound(units, sql) as unknown as BatchStore),
    ...sharedStore(on(sql)),
    leastCompressed: LEAST_COMPRESSED,
    commitUpload: new UploadCommits(sql).commit,
  };
  const asked = verified(store, () => links.distrust());
  return resolving(asked, {
    batchById: (id) => batchById(sql, id),
    outboxOf: (events) => outboxOf(sql, events),
    deadline: () => links.deadline,
  });
};

export const postgresLocks = (sql: Sql): LockStore => locks(on(sql));

export const postgresDeliveries = (sql: Sql): DeliveryStore => deliveries(on(sql));
