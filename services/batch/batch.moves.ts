/** One function for each move that somebody asks for. All are conditional on the batch as it was read. */
import type { BatchRow, Due, Move } from "../../database/store.ts";
import { Problem } from "../../lib/errors.ts";
import { keepsBody } from "../batches.ts";
import { announced, type BatchParts, foundBatch, type Which } from "./batch.parts.ts";
import { moveOf } from "./batch.states.ts";

/** How often a move is tried. A batch that changes between read and write is being worked on. */
const MOST_TRIES = 20;

/** A failed batch whose retention ends within this time counts as gone: it could be half deleted before the move. */
const GOING_MS = 60_000;

/** Reads and moves; reads again if the batch changed in between. */
async function moved(parts: BatchParts, which: Which, moveFor: (batch: BatchRow) => Promise<Move>) {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const written = await parts.store.move(await moveFor(await foundBatch(parts.store, which)));
    const batch = announced(parts, written);
    if (batch) return batch;
  }
  throw new Problem("unavailable", "The batch changes too quickly.", { headers: { "Retry-After": "1" } });
}

/** An end outside a chunk's commit: its body is deleted by the sweep, or kept where it may be driven again. */
export async function ending(
  parts: BatchParts,
  batch: BatchRow,
  to: "cancelled" | "rejected" | "failed",
  error: { code: string; detail: string } | null,
): Promise<Move> {
  const after: BatchRow = { ...batch, state: to, reason: error, version: batch.version + 1 };
  const due: Due = keepsBody(to) ? await parts.pinned.retentionOf(batch) : { inMs: 0 };
  const move = moveOf(batch, { to, due, reason: error });
  return { ...move, events: await parts.events.completed(after) };
}

/** Delay of a stopped batch. It is long enough for the move that follows; if that never comes, the batch goes on afterwards. */
const STOPPED_MS = 60_000;

/**
 * The batch without its worker. By the fence alone: each chunk's commit raises the version, so a busy worker would be
 * faster every time than a move that has to read first. From here on nobody else changes the batch.
 */
async function stopped(parts: BatchParts, batch: BatchRow): Promise<BatchRow> {
  if (batch.state !== "processing") return batch;
  const { version: _, ...byFence } = moveOf(batch, { to: "ready", due: { inMs: STOPPED_MS } });
  const written = await parts.store.move(byFence);
  return written?.batch ?? batch;
}

/** Any batch that has not ended; a worker's later writes are refused. Throws not-found, illegal-state. */
export async function cancelMove(parts: BatchParts, which: Which): Promise<BatchRow> {
  const batch = await moved(parts, which, async (found) =>
    ending(parts, await stopped(parts, found), "cancelled", null),
  );
  parts.wakeWorkers();
  return batch;
}

/** held → ready, also before its window opens: the operator decides. Throws not-found, illegal-state. */
export function approveMove(parts: BatchParts, which: Which): Promise<BatchRow> {
  return moved(parts, which, async (batch) => {
    requireState(batch, "held");
    return { ...moveOf(batch, { to: "ready", due: { inMs: 0 } }), events: await parts.events.ready(batch) };
  });
}

/** held → rejected. Throws not-found, illegal-state. */
export function rejectMove(parts: BatchParts, which: Which & { reason?: string | undefined }): Promise<BatchRow> {
  const error = { code: "rejected-by-operator", detail: which.reason ?? "An operator rejected the batch." };
  return moved(parts, which, (batch) => {
    requireState(batch, "held");
    return ending(parts, batch, "rejected", error);
  });
}

/** failed → ready with attempts at 0: from the last chunk, or from the start where the first pass refused it. */
export function redriveMove(parts: BatchParts, which: Which): Promise<BatchRow> {
  return moved(parts, which, async (batch) => {
    requireState(batch, "failed");
    if ((batch.dueAt ?? Infinity) < Date.now() + GOING_MS) throw new Problem("not-found", "There is no such batch.");
    const move = moveOf(batch, { to: "ready", due: { inMs: 0 }, attempt: "reset" });
    const again = batch.phase === "validate" ? { restart: "validate" as const } : {};
    return { ...move, ...again, events: await parts.events.ready(batch) };
  });
}

function requireState(batch: BatchRow, state: BatchRow["state"]): void {
  if (batch.state !== state)
    throw new Problem("illegal-state", `The batch is ${batch.state}, not ${state}.`, { current: batch.state });
}

const unchanged: Pick<Move, "reason" | "attempt" | "events"> = { reason: null, attempt: "keep", events: [] };

/** A ready batch that is not due yet goes on now. Null: it has changed since it was read, and waits for nothing any more. */
export async function endSnoozeMove(parts: BatchParts, batch: BatchRow): Promise<BatchRow | null> {
  const { id, version, fence } = batch;
  // None of the moves of batch.states.ts: it stays what it is, and is only due sooner.
  const sooner: Move = { id, version, fence, from: "ready", to: "ready", due: { inMs: 0 }, ...unchanged };
  const written = await parts.store.move(sooner);
  if (written) parts.wakeWorkers();
  return announced(parts, written);
}
