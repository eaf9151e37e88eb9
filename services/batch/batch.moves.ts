/** One function for each move that somebody asks for. All are conditional on the batch as it was read. */
import type { BatchRow, Due, Move } from "../../database/store.ts";
import { Problem } from "../errors.ts";
import type { BatchService } from "./batch.service.ts";
import { keepsBody, moveOf } from "./batch.states.ts";

type Which = { publicId: string; clientId?: number | undefined };

/** A batch that changes under every read is being worked hard; so often is enough for any one of these. */
const MOST_TRIES = 20;

/** A failed batch whose retention ends so soon may be half deleted before its move: it counts as gone. */
const GOING_MS = 60_000;

/** Reads, moves, and reads again where the batch changed between. */
async function moved(service: BatchService, which: Which, moveFor: (batch: BatchRow) => Promise<Move>) {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const written = await service.database.store.move(await moveFor(await service.found(which)));
    const batch = service.published(written);
    if (batch) return batch;
  }
  throw new Problem("unavailable", "The batch changes too quickly.", { headers: { "Retry-After": "1" } });
}

/** An end outside a chunk's commit: its body is deleted by the sweep, or kept where it may be driven again. */
export async function ending(
  service: BatchService,
  batch: BatchRow,
  to: "cancelled" | "rejected" | "failed",
  error: { code: string; detail: string } | null,
): Promise<Move> {
  const after: BatchRow = { ...batch, state: to, reason: error, version: batch.version + 1 };
  const due: Due = keepsBody(to) ? await service.retentionOf(batch) : { inMs: 0 };
  const move = moveOf(batch, { to, due, reason: error });
  return { ...move, events: await service.completedEvent(after) };
}

/** Long enough for the move that follows; should that never come, the batch goes on afterwards. */
const STOPPED_MS = 60_000;

/**
 * The batch without its worker. By the fence alone: each chunk's commit raises the version, so a busy worker would be
 * faster every time than a move that has to read first. From here on nobody else changes the batch.
 */
async function stopped(service: BatchService, batch: BatchRow): Promise<BatchRow> {
  if (batch.state !== "processing") return batch;
  const { version: _, ...byFence } = moveOf(batch, { to: "ready", due: { inMs: STOPPED_MS } });
  const written = await service.database.store.move(byFence);
  return written?.batch ?? batch;
}

/** Any batch that has not ended; a worker's later writes are refused. Throws not-found, illegal-state. */
export async function cancelMove(service: BatchService, which: Which): Promise<BatchRow> {
  const batch = await moved(service, which, async (found) =>
    ending(service, await stopped(service, found), "cancelled", null),
  );
  service.wake();
  return batch;
}

/** held → ready, also before its window opens: the operator decides. Throws not-found, illegal-state. */
export function approveMove(service: BatchService, which: Which): Promise<BatchRow> {
  return moved(service, which, async (batch) => {
    requireState(batch, "held");
    return { ...moveOf(batch, { to: "ready", due: { inMs: 0 } }), events: await service.readyEvent(batch) };
  });
}

/** held → rejected. Throws not-found, illegal-state. */
export function rejectMove(service: BatchService, which: Which & { reason?: string | undefined }): Promise<BatchRow> {
  const error = { code: "rejected-by-operator", detail: which.reason ?? "An operator rejected the batch." };
  return moved(service, which, (batch) => {
    requireState(batch, "held");
    return ending(service, batch, "rejected", error);
  });
}

/** failed → ready with attempts at 0: from the last chunk, or from the start where the first pass refused it. */
export function redriveMove(service: BatchService, which: Which): Promise<BatchRow> {
  return moved(service, which, async (batch) => {
    requireState(batch, "failed");
    if ((batch.dueAt ?? Infinity) < Date.now() + GOING_MS) throw new Problem("not-found", "There is no such batch.");
    const move = moveOf(batch, { to: "ready", due: { inMs: 0 }, attempt: "reset" });
    const again = batch.phase === "validate" ? { restart: "validate" as const } : {};
    return { ...move, ...again, events: await service.readyEvent(batch) };
  });
}

function requireState(batch: BatchRow, state: BatchRow["state"]): void {
  if (batch.state !== state)
    throw new Problem("illegal-state", `The batch is ${batch.state}, not ${state}.`, { current: batch.state });
}

const unchanged: Pick<Move, "reason" | "attempt" | "events"> = { reason: null, attempt: "keep", events: [] };

/** A ready batch that is not due yet goes on now. Null: it has changed since it was read, and waits for nothing any more. */
export async function endSnoozeMove(service: BatchService, batch: BatchRow): Promise<BatchRow | null> {
  const { id, version, fence } = batch;
  // None of the moves of batch.states.ts: it stays what it is, and is only due sooner.
  const sooner: Move = { id, version, fence, from: "ready", to: "ready", due: { inMs: 0 }, ...unchanged };
  const written = await service.database.store.move(sooner);
  if (written) service.wake();
  return service.published(written);
}
