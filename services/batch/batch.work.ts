/** The way of a batch through a worker's hands: its claim, each chunk's commit, and how the last one ends it. */
import type { BatchRow, Due } from "../../database/store.ts";
import type { ParamsOf } from "../messages.ts";
import type { Claim } from "./batch.contract.ts";
import type { BatchService } from "./batch.service.ts";
import { keepsBody } from "./batch.states.ts";

/** Chunks that go in the commit that ends their batch; more are left to the sweep, so that the commit stays short. */
const PURGED_AT_END = 16;

/** Null: another was faster, or its client has no free slot. */
export async function claim(service: BatchService, { id, owner }: ParamsOf<"batch.claim">): Promise<Claim | null> {
  const claimed = await service.database.store.claim(id, owner, service.leaseMs);
  if (!claimed) return null;
  service.figures.claimed(claimed.batch);
  service.tell(claimed.batch);
  return { ...claimed, ...(await service.pinned.of(claimed.batch)) };
}

/** Null: the batch is no longer the worker's, and nothing was written. */
export async function commitChunk(
  service: BatchService,
  { batch, commit }: ParamsOf<"batch.commitChunk">,
): Promise<BatchRow | null> {
  const end = commit.end && (await endOf(service, batch, commit));
  const written = await service.database.store.commitChunk({
    ...commit,
    id: batch.id,
    fence: batch.fence,
    leaseMs: service.leaseMs,
    end,
  });
  service.figures.committed(batch, written?.batch ?? null);
  return service.published(written);
}

/** How the last chunk's commit ends the batch: what becomes of its body, and the event that tells. */
async function endOf(service: BatchService, batch: BatchRow, commit: ParamsOf<"batch.commitChunk">["commit"]) {
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
  const due: Due = purge || keepsBody(state) ? await service.retentionOf(batch) : { inMs: 0 };
  return { state, reason: error, due, purge, events: await service.completedEvent(after) };
}
