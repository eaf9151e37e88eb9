import type { DeliveryStore } from "../../deliveries.ts";
import type { LockStore } from "../../locks.ts";
import type { BatchStore, UploadCommit } from "../../store.ts";
import { deliveries } from "../../units/deliveries.ts";
import { locks } from "../../units/locks.ts";
import { clockOn, evidenceOn } from "../../units/reads.ts";
import { repeatsOn } from "../../units/repeats.ts";
import { sharedStore } from "../../units/store.ts";
import { Units } from "../../units/unit.ts";
import { resolving } from "../../unknown.ts";
import { verified } from "../../verified.ts";
import { bound } from "../bound.ts";
import { runnerOn } from "./render.ts";
import type { Sql } from "./sql.ts";
import { candidates } from "./units/fairness.ts";
import { claimGroup, commitChunks } from "./units/group.ts";
import { commitUpload } from "./units/uploads.ts";
import { claim, commitChunk } from "./units/work.ts";

const on = (sql: Sql) => new Units(runnerOn(sql));

const units = {
  candidates,
  claim,
  claimGroup,
  commitChunk,
  commitChunks,
};

/** As with PostgreSQL: what is stored goes over a socket and into the log as well. */
const LEAST_COMPRESSED = 2 * 1024;

/** The seam, each unit with the connections in front. A lane knows by itself whether an answer is that of its question. */
export function mssqlStore(sql: Sql): BatchStore {
  const repeats = repeatsOn(on(sql));
  const store = {
    ...(bound(units, sql) as unknown as BatchStore),
    ...sharedStore(on(sql), repeats),
    leastCompressed: LEAST_COMPRESSED,
    // Each goes over a connection of its own.
    keepsOrder: false,
    commitUpload: (commit: UploadCommit) => commitUpload(sql, commit, repeats),
  };
  return resolving(
    verified(store, () => {}),
    evidenceOn(on(sql)),
  );
}

export const mssqlLocks = (sql: Sql): LockStore => locks(on(sql));

export const mssqlDeliveries = (sql: Sql): DeliveryStore => deliveries(on(sql));

export const mssqlClock = (sql: Sql): (() => Promise<number>) => clockOn(on(sql));
