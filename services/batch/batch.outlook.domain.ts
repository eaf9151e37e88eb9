/** What is ahead of a batch, by its row and the little that is known beside it: also for events, which cost no query. */
import {
  type BatchOutlook,
  type BatchRow,
  type BatchRun,
  type ClientQueue,
  nodeOf,
  type Reason,
  waitsOf,
} from "./batch.domain.ts";

/** What is known beside the row. */
interface Beside {
  /** The limit in the batch's policy. It counts only while `isUnderWay`. */
  maxAttempts: number;
  /** Left out if it was not read whether the batch's client has a free place. */
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

/** Whether the batch runs, or has begun and waits to be tried again. */
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
