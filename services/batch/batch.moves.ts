/** One function for each move that a person can ask for. Each move happens only if the batch is still as it was read. */

import { TableFailure } from "../../database/errors.ts";
import { Problem } from "../../lib/errors.ts";
import type { Auditing } from "../audits.ts";
import type { BatchRow } from "./batch.domain.ts";
import { follow, goingOn } from "./batch.order.ts";
import { announced, type BatchParts, foundBatch, type Which } from "./batch.parts.ts";
import { approved } from "./batch.review.ts";
import { moveOf } from "./batch.states.ts";
import type { AppliedChunk } from "./batch.table.domain.ts";
import { audited, type By } from "./batch.told.ts";
import type { Move } from "./batch.writes.domain.ts";

/** The batch to move, and the caller's reason. */
type Asked = Which & { reason?: string | undefined };

/** How often a move is tried. It fails if the batch changes between read and write, as a running batch does. */
const MOST_TRIES = 20;

/** A failed batch whose retention ends within this time counts as gone, because its deletion could begin before the move. */
const GOING_MS = 60_000;

/** Reads and moves; reads again if the batch changed in between. */
async function moved(parts: BatchParts, by: By, which: Which, moveFor: (batch: BatchRow) => Promise<Move>) {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const found = await foundBatch(parts.store, which);
    const isPartner = which.clientId !== undefined;
    const written = await parts.store.move(audited(await moveFor(found), found, { ...by, isPartner }));
    const batch = announced(parts, written);
    if (batch) return settled(parts, batch);
  }
  throw new Problem("unavailable", "The batch changed several times during this request. Send it again.", {
    headers: { "Retry-After": "1" },
  });
}

/** A batch that has joined its lane as the first one goes on at once. */
async function settled(parts: BatchParts, batch: BatchRow): Promise<BatchRow> {
  if (batch.state !== "held") return batch;
  await follow(parts, batch);
  return (await parts.store.batch(batch.publicId, null)) ?? batch;
}

/** An end without a chunk's commit. The sweep deletes the body later, unless it is kept because the batch may be redriven. */
export async function ending(
  parts: BatchParts,
  batch: BatchRow,
  to: "cancelled" | "rejected" | "failed",
  error: { code: string; detail: string } | null,
): Promise<Move> {
  const applied = await parts.elsewhere.raise(batch);
  const after: BatchRow = { ...countedWith(batch, applied), state: to, reason: error, version: batch.version + 1 };
  const due = await parts.pinned.endedOf(after, to);
  const move = moveOf(batch, { to, due, reason: error });
  return { ...move, ...(applied && { applied }), events: await parts.events.completed(after) };
}

/** Counts a chunk that a table of another database already has, and answers the batch. */
export function countedWith(batch: BatchRow, applied: AppliedChunk | undefined): BatchRow {
  if (!applied) return batch;
  const { nextChunk, counts } = applied;
  const sums = Object.entries(counts).map(([name, n]) => [name, (batch[name as keyof typeof counts] ?? 0) + n]);
  return { ...batch, nextChunk, ...Object.fromEntries(sums) };
}

/**
 * How long a stopped batch is delayed. The move that follows needs less time. If that move never comes, the batch goes on after the
 * delay.
 */
const STOPPED_MS = 60_000;

/**
 * Takes the batch from its worker. This move compares the fence only: each chunk's commit raises the version, so a move that
 * compares the version would always come too late for a busy worker. From here on nobody else changes the batch.
 */
async function stopped(parts: BatchParts, batch: BatchRow): Promise<BatchRow> {
  if (batch.state !== "processing") return batch;
  const { version: _, ...byFence } = moveOf(batch, { to: "ready", due: { inMs: STOPPED_MS } });
  const written = await parts.store.move(byFence);
  return written?.batch ?? batch;
}

/** Cancels a batch that has not ended. Its worker's later writes are refused. Throws not-found, illegal-state. */
export async function cancelMove(parts: BatchParts, { reason, ...which }: Asked, audit: Auditing): Promise<BatchRow> {
  const batch = await moved(parts, { audit, action: "batch.cancel", reason }, which, async (found) =>
    ending(parts, await stopped(parts, found), "cancelled", null).catch(refusedByTable),
  );
  parts.wakeWorkers();
  return batch;
}

/** Only the table's database knows what the batch has delivered. Without its answer the cancelled batch could have wrong counts. */
function refusedByTable(error: unknown): never {
  if (!(error instanceof TableFailure)) throw error;
  throw new Problem("unavailable", `The batch cannot end now: ${error.message}.`, { headers: { "Retry-After": "5" } });
}

/** held → ready. The operator decides, so the batch does not wait for its window. Throws not-found, illegal-state. */
export function approveMove(parts: BatchParts, { reason, ...which }: Asked, audit: Auditing): Promise<BatchRow> {
  return moved(parts, { audit, action: "batch.approve", reason }, which, async (batch) => {
    requireState(batch, "held");
    const { reason: hold } = batch;
    if (hold && "hold" in hold && hold.hold === "order")
      throw new Problem(
        "illegal-state",
        `The batch waits for batch ${hold.batchId}, which comes before it: skip or redrive that one.`,
        { current: "held" },
      );
    return goingOn(parts, batch, { isApproved: true, ...approved(batch) });
  });
}

/** held → rejected. Throws not-found, illegal-state. */
export function rejectMove(parts: BatchParts, { reason, ...which }: Asked, audit: Auditing): Promise<BatchRow> {
  const error = { code: "rejected-by-operator", detail: reason ?? "An operator rejected the batch." };
  return moved(parts, { audit, action: "batch.reject", reason }, which, (batch) => {
    requireState(batch, "held");
    return ending(parts, batch, "rejected", error);
  });
}

/** failed → ready with attempts at 0. The batch goes on from its last chunk, or from the first one if the check has failed it. */
export function redriveMove(
  parts: BatchParts,
  { reason, ...which }: Asked,
  audit: Auditing,
  action: "batch.redrive" | "batch.retry" = "batch.redrive",
): Promise<BatchRow> {
  return moved(parts, { audit, action, reason }, which, async (batch) => {
    requireState(batch, "failed");
    if (batch.chunks === 0 && batch.records > 0)
      throw new Problem("gone", "The body of the batch was erased: it cannot go on.");
    if ((batch.dueAt ?? Infinity) < Date.now() + GOING_MS) throw new Problem("not-found", "There is no such batch.");
    const { phase } = batch;
    const again = phase === "validate" || phase === "review" ? { restart: phase } : {};
    return goingOn(parts, batch, { attempt: "reset", ...again });
  });
}

function requireState(batch: BatchRow, state: BatchRow["state"]): void {
  if (batch.state !== state)
    throw new Problem("illegal-state", `The batch is ${batch.state}, not ${state}.`, { current: batch.state });
}

const unchanged: Pick<Move, "reason" | "attempt" | "events"> = { reason: null, attempt: "keep", events: [] };

/** Ends the delay of a ready batch. Null: the batch has changed since it was read, and has no delay any more. */
export async function endSnoozeMove(parts: BatchParts, batch: BatchRow): Promise<BatchRow | null> {
  const { id, version, fence } = batch;
  // Not in the table of batch.states.ts: the state stays, only the due time changes.
  const sooner: Move = { id, version, fence, from: "ready", to: "ready", due: { inMs: 0 }, ...unchanged };
  const written = await parts.store.move(sooner);
  if (written) parts.wakeWorkers();
  return announced(parts, written);
}
