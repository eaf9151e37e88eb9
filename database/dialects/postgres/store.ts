import type { DeliveryStore } from "../../deliveries.ts";
import type { LockStore } from "../../locks.ts";
import type { BatchStore } from "../../store.ts";
import { deliveries } from "../../units/deliveries.ts";
import { locks } from "../../units/locks.ts";
import { clockOn, evidenceOn } from "../../units/reads.ts";
import { repeatsOn } from "../../units/repeats.ts";
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
import { claim, commitChunk } from "./units/work.ts";

const on = (sql: Sql) => new Units(runnerOn(sql));

const units = {
  candidates,
  claim,
  claimGroup,
  commitChunk,
  commitChunks,
};

/**
 * PostgreSQL splits what has more into rows of 2 kB, writes it to the log as well, and gets it over a socket: compressing
 * 20 kB costs less than that, here and there together.
 */
const LEAST_COMPRESSED = 2 * 1024;

/** The seam, each unit with the pool in front. */
export const postgresStore = (sql: Sql, links: Links): BatchStore => {
  const repeats = repeatsOn(on(sql));
  const store = {
    ...(bound(units, sql) as unknown as BatchStore),
    ...sharedStore(on(sql), repeats),
    leastCompressed: LEAST_COMPRESSED,
    // Each goes over a connection of its own.
    keepsOrder: false,
    commitUpload: new UploadCommits(sql, repeats).commit,
  };
  const asked = verified(store, () => links.distrust());
  return resolving(asked, {
    ...evidenceOn(on(sql)),
    deadline: () => links.deadline,
  });
};

export const postgresLocks = (sql: Sql): LockStore => locks(on(sql));

export const postgresDeliveries = (sql: Sql): DeliveryStore => deliveries(on(sql));

export const postgresClock = (sql: Sql): (() => Promise<number>) => clockOn(on(sql));
