/** What operators are told of batches that have not ended: which run they are in, why they wait, and until when. */
import type { BatchStore } from "../../database/store.ts";
import type { BatchRow, ClientQueue, Reason } from "./batch.domain.ts";
import { type BatchOutlook, type BatchRun, waitsOf } from "./batch.domain.ts";
import type { PinnedPolicies } from "./batch.pinned.ts";
import { nodeOf } from "./batch.settle.ts";

export interface OutlookParts {
  store: Pick<BatchStore, "queuesOf">;
  pinned: Pick<PinnedPolicies, "of">;
}

interface Waits {
  waits: string | null;
  /** Epoch ms. Null: nobody knows. */
  waitsUntil: number | null;
}
const NOTHING: Waits = { waits: null, waitsUntil: null };

/** The outlook of each of these batches that has not ended. One query reads the queues of all their clients. Throws unavailable. */
export async function outlooks({ store, pinned }: OutlookParts, batches: BatchRow[]): Promise<BatchOutlook[]> {
  const ready = batches.filter(({ state }) => state === "ready");
  const { now, queues } =
    ready.length > 0
      ? await store.queuesOf([...new Set(ready.map(({ clientId }) => clientId))])
      : { now: 0, queues: [] };
  const byClient = new Map(queues.map((queue) => [queue.clientId, queue]));
  return Promise.all(
    batches.map(async (batch) => ({
      id: batch.id,
      run: isUnderWay(batch) ? runOf(batch, (await pinned.of(batch)).policy.maxAttempts, now) : null,
      ...whyOf(batch, byClient.get(batch.clientId), now),
    })),
  );
}

/** Whether it runs, or has begun and waits to be tried again. */
const isUnderWay = ({ state, startedAt }: BatchRow) =>
  state === "processing" || (state === "ready" && startedAt !== null);

function runOf(batch: BatchRow, maxAttempts: number, now: number): BatchRun {
  const { state, owner, phase, nextChunk, chunks, attempt, dueAt } = batch;
  const isRunning = state === "processing";
  return {
    node: isRunning ? nodeOf(owner) : null,
    phase,
    chunk: Math.min(nextChunk + 1, chunks),
    chunks,
    attempt,
    maxAttempts,
    nextAt: isRunning || dueAt === null || dueAt <= now ? null : dueAt,
  };
}

function whyOf(batch: BatchRow, queue: ClientQueue | undefined, now: number): Waits {
  switch (batch.state) {
    case "received":
      return { waits: "its policy is asked again whether it may run", waitsUntil: batch.dueAt };
    case "held":
      return whyHeld(batch.reason);
    case "ready":
      return whyReady(batch, queue, now);
    case "undoing":
      return { waits: waitsOf(batch), waitsUntil: null };
    default:
      return NOTHING;
  }
}

function whyHeld(reason: Reason | null): Waits {
  if (!reason || !("hold" in reason)) return NOTHING;
  if (reason.hold === "order")
    return { waits: `batch ${reason.batchId}, which is in front of it, has not ended`, waitsUntil: null };
  return reason.hold === "window"
    ? { waits: "its window is closed", waitsUntil: reason.until }
    : { waits: "an operator has to approve it", waitsUntil: reason.until };
}

/** The reasons in the order in which they hold it back: what is paused is not tried again, and what is not due has no use for a place. */
function whyReady(batch: BatchRow, queue: ClientQueue | undefined, now: number): Waits {
  const { dueAt, attempt, startedAt } = batch;
  const later = dueAt !== null && dueAt > now ? dueAt : null;
  const told = waitsOf(batch);
  if (told !== null) return { waits: told, waitsUntil: later };
  if (queue?.isPaused) return { waits: "its client is paused", waitsUntil: null };
  if (later !== null)
    return {
      waits: startedAt !== null && attempt > 0 ? "an attempt has failed, and the next one waits" : "it goes on later",
      waitsUntil: later,
    };
  if (queue && queue.running >= queue.cap)
    return { waits: `${queue.running} of its client's batches run, and it may have ${queue.cap}`, waitsUntil: null };
  return NOTHING;
}
