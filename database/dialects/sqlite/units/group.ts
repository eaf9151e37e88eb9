/** Groups of small batches: one unit claims a group, and one unit commits a chunk of each batch. */

import { RECORDS_A_TURN } from "../../../../services/batch/batch.domain.ts";
import type { ChunkCommit } from "../../../../services/batch/batch.writes.domain.ts";
import { type Failure, failureOf } from "../failure.ts";
import type { Sql } from "../sql.ts";
import { commitChunk, taken, takeSlot } from "./work.ts";

interface Ready {
  id: number;
  clientId: number;
  records: number;
}

/**
 * Claims several batches; those of one client together take one of its places. Only batches that no worker has had
 * before (fence 0) are claimed: see CLAIM_GROUP of postgres/units/group.ts.
 */
export function claimGroup(sql: Sql, ids: number[], owner: string, leaseMs: number) {
  const now = sql.now();
  const ready = sql.all<Ready>(
    `SELECT id, client_id AS clientId, records FROM batch
     WHERE id IN (SELECT value FROM json_each(?1)) AND state = 'ready' AND fence = 0 AND due_at <= ?2 ORDER BY id`,
    JSON.stringify(ids),
    now,
  );
  return [...Map.groupBy(ready, ({ clientId }) => clientId)].flatMap(([clientId, batches]) => {
    const records = batches.reduce((sum, batch) => sum + batch.records, 0);
    if (!takeSlot(sql, clientId, records / RECORDS_A_TURN)) return [];
    const groupId = batches[0]?.id ?? null;
    return batches.map(({ id }) => taken(sql, id, { owner, now, leaseMs, place: id === groupId ? 1 : 0, groupId }));
  });
}

type Committed = { done: ReturnType<typeof commitChunk> } | { failure: Failure };

/**
 * Commits a chunk of each batch. A failing commit undoes only its own writes. If SQLite has rolled back the whole
 * transaction, all commits fail.
 */
export const commitChunks = (sql: Sql, commits: ChunkCommit[]): Committed[] =>
  commits.map((commit) => {
    sql.run("SAVEPOINT chunk");
    try {
      return { done: commitChunk(sql, commit) };
    } catch (error) {
      const failure = failureOf(error);
      if (!sql.db.isTransaction || failure.kind === "unavailable") throw error;
      sql.run("ROLLBACK TO chunk");
      return { failure };
    } finally {
      if (sql.db.isTransaction) sql.run("RELEASE chunk");
    }
  });
