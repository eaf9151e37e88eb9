/** A group here is claimed and committed batch by batch, at once over several connections: one client's takes as many of its places. */
import { claimEach, commitEach } from "../../../apart.ts";
import type { ChunkCommit } from "../../../store.ts";
import type { Sql } from "../sql.ts";
import { claim, commitChunk } from "./work.ts";

export const claimGroup = (sql: Sql, ids: number[], owner: string, leaseMs: number) =>
  claimEach((id) => claim(sql, id, owner, leaseMs), ids);

export const commitChunks = (sql: Sql, commits: ChunkCommit[]) =>
  commitEach((commit) => commitChunk(sql, commit), commits);
