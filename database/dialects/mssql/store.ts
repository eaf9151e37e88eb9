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
import { runnerOn } from "./render.ts";
import type { Sql } from "./sql.ts";
import { commitWithTable } from "./table/write.ts";
import { claim, claimGroup } from "./units/claim.ts";
import { commitChunk, commitChunks } from "./units/commit.ts";
import { candidates } from "./units/fairness.ts";

const on = (sql: Sql) => new Units(runnerOn(sql));

const commitOne = (sql: Sql, commit: ChunkCommit) =>
  commit.table ? commitWithTable(sql, commit, commit.table) : commitChunk(sql, commit);

const units = {
  candidates,
  claim,
  claimGroup,
  commitChunk: commitOne,
  commitChunks: (sql: Sql, commits: ChunkCommit[]) => commitChunks(sql, commits, (commit) => commitOne(sql, commit)),
};

/**
 * Bodies below this size are not compressed. As on PostgreSQL, larger bodies are expensive: they go over a socket, and
 * are written to the log as well.
 */
const LEAST_COMPRESSED = 2 * 1024;

/**
 * The store on SQL Server. No connection is ever distrusted later, because `Sql` itself checks that each answer belongs
 * to its query.
 */
export function mssqlStore(sql: Sql): BatchStore {
  const checks = uploadChecks(on(sql));
  const store = {
    ...bindUnits(units, sql),
    ...sharedStore(on(sql), checks),
    leastCompressed: LEAST_COMPRESSED,
    // Commits keep no order, because concurrent commits run on different connections.
    keepsOrder: false,
    commitUpload: uploadCommits(on(sql), checks),
  };
  return resolvingOutcomes(
    verified(store, () => {}),
    evidenceOn(on(sql)),
  );
}

export const mssqlLocks = (sql: Sql): LockStore => locks(on(sql));

export const mssqlDeliveries = (sql: Sql): DeliveryStore => deliveries(on(sql));

export const mssqlClock = (sql: Sql): (() => Promise<number>) => clockOn(on(sql));
