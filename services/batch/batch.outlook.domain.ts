/** What a batch will do next, from its row and a few other facts. Events use it too, so it needs no query. */
import {
  type BatchOutlook,
  type BatchRow,
  type BatchRun,
  type ClientQueue,
  nodeOf,
  type Reason,
  waitsOf,
} from "./batch.domain.ts";

/** The facts that are not in the batch's row. */
interface Beside {
  /** The limit in the batch's policy. It counts only while `isUnderWay`. */
  maxAttempts: number;
  /** Whether the client has a free place. Omitted: that was not read. */
  queue?: ClientQueue | undefined;
  /** Epoch ms. */
  now: number;
}

interface Waits {
  waits: string | null;
  /** Until when the batch waits, in epoch ms. Null: unknown. */
  waitsUntil: number | null;
}
const NOTHING: Waits = { waits: null, waitsUntil: null };

export const outlookOf = (batch: BatchRow, { maxAttempts, queue, now }: Beside): BatchOutlook => ({
  id: batch.id,
  run: isUnderWay(batch) ? runOf(batch, maxAttempts, now) : null,
  ...whyOf(batch, queue, now),
});

/** Whether the batch runs, or waits for its next attempt. */
export const isUnderWay = ({ state, startedAt }: BatchRow) =>
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

/**
 * The reasons for a wait, the strongest first: a paused client's batch is not retried, and a batch that is not due needs no free place.
 */
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
