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
import { runnerOn } from "./render.ts";
import type { Sql } from "./sql.ts";
import { candidates } from "./units/fairness.ts";
import { claimGroup, commitChunks } from "./units/group.ts";
import { reserveKeys } from "./units/keys.ts";
import { move, voidLeases } from "./units/moves.ts";
import { batch, batchById, changed, childOf, due, errors, list, outboxOf, records, voided } from "./units/reads.ts";
import { deleteBatch, purgeChunks } from "./units/removal.ts";
import { answerKey, keyHolder, usage } from "./units/repeats.ts";
import { deleteStaleErrors, staleErrors } from "./units/stale.ts";
import {
  appendChunks,
  beginKeyedUpload,
  beginUpload,
  commitUpload,
  touchUploads,
  voidUpload,
} from "./units/uploads.ts";
import { claim, commitChunk, extendLeases, readChunk } from "./units/work.ts";

const on = (sql: Sql) => new Units(runnerOn(sql));

const units = {
  beginUpload,
  beginKeyedUpload,
  appendChunks,
  touchUploads,
  commitUpload,
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

/** As with PostgreSQL: what is stored goes over a socket and into the log as well. */
const LEAST_COMPRESSED = 2 * 1024;

/** The seam, each unit with the connections in front. A lane knows by itself whether an answer is that of its question. */
export const mssqlStore = (sql: Sql): BatchStore =>
  resolving(
    verified(
      { ...(bound(units, sql) as unknown as BatchStore), ...sharedStore(on(sql)), leastCompressed: LEAST_COMPRESSED },
      () => {},
    ),
    { batchById: (id) => batchById(sql, id), outboxOf: (events) => outboxOf(sql, events) },
  );

export const mssqlLocks = (sql: Sql): LockStore => locks(on(sql));

export const mssqlDeliveries = (sql: Sql): DeliveryStore => deliveries(on(sql));
