/** The steps of a run in the database: the claim, each chunk's commit, and the end by the last one. */
import type { BatchRow, ChunkCommit, Claimed, Due } from "../../database/store.ts";
import { keepsBody } from "../batches.ts";
import type { ParamsOf } from "../messages.ts";
import type { Claim, WorkerCommit } from "./batch.contract.ts";
import { announced, type BatchParts } from "./batch.parts.ts";

/** Chunks that go in the commit that ends their batch; more are left to the sweep, so that the commit stays short. */
const PURGED_AT_END = 16;

/** Null: another worker was faster, or the client has no free place. */
export async function claim(parts: BatchParts, { id, owner }: ParamsOf<"batch.claim">): Promise<Claim | null> {
  const claimed = await parts.store.claim(id, owner, parts.leaseMs);
  return claimed && begun(parts, claimed);
}

/** A claim that was made, with what its run needs. */
export async function begun(parts: BatchParts, claimed: Claimed): Promise<Claim> {
  parts.figures.claimed(claimed.batch);
  parts.announce({ batch: claimed.batch, outbox: [] });
  return { ...claimed, ...(await parts.pinned.of(claimed.batch)) };
}

/** Null: the batch is no longer the worker's, and nothing was written. */
export async function commitChunk(
  parts: BatchParts,
  { batch, commit }: ParamsOf<"batch.commitChunk">,
): Promise<BatchRow | null> {
  const written = await parts.store.commitChunk(await chunkCommitOf(parts, batch, commit));
  parts.figures.committed(batch, written?.batch ?? null);
  return announced(parts, written);
}

/** A worker's commit as the store takes it: under the fence, and with what its end tells. */
export async function chunkCommitOf(parts: BatchParts, batch: BatchRow, commit: WorkerCommit): Promise<ChunkCommit> {
  const end = commit.end && (await endOf(parts, batch, commit));
  return { ...commit, id: batch.id, fence: batch.fence, leaseMs: parts.leaseMs, end };
}

/** How the last chunk's commit ends the batch: what becomes of its body, and the event that tells. */
async function endOf(parts: BatchParts, batch: BatchRow, commit: WorkerCommit) {
  const { state, error } = commit.end as NonNullable<typeof commit.end>;
  const after: BatchRow = {
    ...batch,
    state,
    reason: error,
    accepted: batch.accepted + commit.counts.accepted,
    rejected: batch.rejected + commit.counts.rejected,
    duplicate: batch.duplicate + commit.counts.duplicate,
    version: batch.version + 1,
  };
  const purge = !keepsBody(state) && batch.chunks <= PURGED_AT_END;
  const due: Due = purge || keepsBody(state) ? await parts.pinned.retentionOf(batch) : { inMs: 0 };
  return { state, reason: error, due, purge, events: await parts.events.completed(after) };
}
