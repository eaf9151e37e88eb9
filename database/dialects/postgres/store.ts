import type { ChunkCommit } from "../../../services/batch/batch.writes.domain.ts";
import type { DeliveryStore, LockStore } from "../../store.deliveries.ts";
import type { BatchStore } from "../../store.ts";
import { deliveries } from "../../units/deliveries.ts";
import { locks } from "../../units/locks.ts";
import { clockOn, evidenceOn } from "../../units/reads.ts";
import { bindUnits, sharedStore } from "../../units/store.ts";
import { Units } from "../../units/unit.ts";
import { uploadChecks } from "../../units/uploads.checks.ts";
import { uploadCommits } from "../../units/uploads.commit.ts";
import { resolvingOutcomes } from "../../unknown-outcome.ts";
import { verified } from "../../verified.ts";
import { GroupedUploads } from "./grouped-uploads.ts";
import type { Links } from "./links.ts";
import { runnerOn } from "./render.ts";
import type { Sql } from "./sql.ts";
import { commitWithTable } from "./table/write.ts";
import { candidates } from "./units/fairness.ts";
import { claimGroup, commitChunks } from "./units/group.ts";
import { claim, commitChunk } from "./units/work.ts";

const on = (sql: Sql) => new Units(runnerOn(sql));

const units = {
  candidates,
  claim,
  claimGroup,
  commitChunk: (sql: Sql, commit: ChunkCommit) =>
    commit.table ? commitWithTable(sql, commit, commit.table) : commitChunk(sql, commit),
  commitChunks,
};

/**
 * Bodies below this size are not compressed. PostgreSQL pays for large bodies: they go over a socket, are split into
 * rows of 2 kB, and are written to the log as well. Compressing and decompressing 20 kB costs less than that.
 */
const LEAST_COMPRESSED = 2 * 1024;

/** The store on a pool of PostgreSQL connections. */
export const postgresStore = (sql: Sql, links: Links): BatchStore => {
  const checks = uploadChecks(on(sql));
  const store = {
    ...bindUnits(units, sql),
    ...sharedStore(on(sql), checks),
    leastCompressed: LEAST_COMPRESSED,
    // Commits keep no order, because concurrent commits run on different connections.
    keepsOrder: false,
    commitUpload: new GroupedUploads(sql, uploadCommits(on(sql), checks)).commit,
  };
  const asked = verified(store, () => links.distrust());
  return resolvingOutcomes(asked, {
    ...evidenceOn(on(sql)),
    deadline: () => links.deadline,
  });
};

export const postgresLocks = (sql: Sql): LockStore => locks(on(sql));

export const postgresDeliveries = (sql: Sql): DeliveryStore => deliveries(on(sql));

export const postgresClock = (sql: Sql): (() => Promise<number>) => clockOn(on(sql));
