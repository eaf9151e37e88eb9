/** Details of one batch for operators: its key, the batches made from it, and how long it is kept. */
import type { BatchStore } from "../../database/store.ts";
import { keepsBody, restDue } from "../batches.ts";
import { type BatchDetails, type BatchRow, isFinal, visibleStates } from "./batch.domain.ts";
import type { WalkWay } from "./batch.filter.domain.ts";
import type { PinnedPolicies } from "./batch.pinned.ts";

/** The most entries of each list. A batch rarely has more than one retry and a few corrections. */
const MOST_CHILDREN = 50;
const ALL = { after: 0, before: Number.MAX_SAFE_INTEGER };

export interface DetailParts {
  store: Pick<BatchStore, "walkBatches" | "keyOfBatch">;
  pinned: Pick<PinnedPolicies, "of">;
}

/** Throws unavailable. */
export async function detailsOf(parts: DetailParts, batch: BatchRow): Promise<BatchDetails> {
  const retries = await childrenBy(parts, "retryOf", batch);
  const corrections = await childrenBy(parts, "corrects", batch);
  const children = [...retries, ...corrections].sort((a, b) => b.id - a.id).slice(0, MOST_CHILDREN);
  return {
    idempotencyKey: await parts.store.keyOfBatch(batch.id),
    children: children.map(({ publicId, state, corrects }) => ({
      publicId,
      state,
      kind: corrects === batch.publicId ? "correction" : "retry",
    })),
    ...(await keptUntil(parts, batch)),
  };
}

async function childrenBy({ store }: DetailParts, way: WalkWay & ("retryOf" | "corrects"), { publicId }: BatchRow) {
  const walk = { way, filter: { states: visibleStates, [way]: publicId }, isFiltered: false };
  return (await store.walkBatches(walk, ALL, { limit: MOST_CHILDREN })).batches;
}

/**
 * When a batch's body is deleted, and when the whole batch is, unless a legal hold keeps it. Null: the batch has not ended, or its body
 * is already deleted.
 */
async function keptUntil(
  { pinned }: DetailParts,
  batch: BatchRow,
): Promise<Pick<BatchDetails, "bodyKeptUntil" | "expiresAt">> {
  const { state, chunks, dueAt } = batch;
  if (!isFinal(state) || dueAt === null) return { bodyKeptUntil: null, expiresAt: null };
  if (chunks === 0) return { bodyKeptUntil: null, expiresAt: dueAt };
  if (state !== "validated" && keepsBody(state)) return { bodyKeptUntil: dueAt, expiresAt: dueAt };
  const rest = restDue((await pinned.of(batch)).policy, batch);
  // For a batch that was only checked, the retention begins when its body is deleted.
  return { bodyKeptUntil: dueAt, expiresAt: rest && ("at" in rest ? rest.at : dueAt + rest.inMs) };
}
