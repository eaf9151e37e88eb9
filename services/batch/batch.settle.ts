/** Writes the outcome of a run: one move for each outcome. Only this file maps outcomes to moves. */

import type { Policy } from "../policy/policy.contract.ts";
import { type BatchRow, nodeOf } from "./batch.domain.ts";
import { ending } from "./batch.moves.ts";
import type { AttemptError, Settlement } from "./batch.outcome.domain.ts";
import { announced, type BatchParts, refused } from "./batch.parts.ts";
import { reviewed } from "./batch.review.ts";
import { moveOf } from "./batch.states.ts";
import { heldTold } from "./batch.told.ts";
import type { FailedAttempt, Move } from "./batch.writes.domain.ts";

/** The record of a failed attempt, for the move that ends it. */
export const attemptOf = ({ owner }: BatchRow, { code, detail }: AttemptError): FailedAttempt => ({
  node: nodeOf(owner),
  code,
  detail,
});

/** Writes a run's outcome. Null: the fence was raised, so the batch belongs to nobody or to another worker. */
export async function settle(parts: BatchParts, batch: BatchRow, outcome: Settlement): Promise<BatchRow | null> {
  const written = await parts.store.move(await moveFor(parts, batch, outcome));
  if (written) parts.wakeWorkers();
  else await refused(parts, batch, "giveUp");
  return announced(parts, written);
}

/** Moves the batch. While the fence is unchanged, only this worker changes the batch. */
async function moveFor(parts: BatchParts, batch: BatchRow, outcome: Settlement): Promise<Move> {
  switch (outcome.outcome) {
    case "snooze":
      return moveOf(batch, {
        to: "ready",
        due: { inMs: outcome.delayMs },
        attempt: "uncount",
        reason: outcome.waits === undefined ? null : { waits: outcome.waits },
      });
    case "retry":
      return again(parts, batch, outcome);
    case "cancel":
      return ending(parts, batch, "cancelled", null);
    case "reviewed":
      return heldTold(await reviewed(parts, batch), batch, "worker");
    case "fail":
      return failing(parts, batch, outcome, outcome);
    default:
      throw new Error(`No such outcome: ${JSON.stringify(outcome satisfies never)}`);
  }
}

/** Retries after a delay, or fails the batch after the last attempt. */
async function again(
  parts: BatchParts,
  batch: BatchRow,
  { code, detail, delayMs }: Extract<Settlement, { outcome: "retry" }>,
): Promise<Move> {
  const { maxAttempts, backoff } = (await parts.pinned.of(batch)).policy;
  const { attempt } = batch;
  const cause = { code, detail };
  if (attempt >= maxAttempts)
    return failing(
      parts,
      batch,
      {
        code: "handler-failed",
        detail: attempt === 1 ? `Failed: ${detail}` : `Failed ${attempt} times, at last: ${detail}`,
      },
      cause,
    );
  const due = { inMs: delayMs ?? backoffMs(backoff, attempt) };
  return { ...moveOf(batch, { to: "ready", due }), failed: attemptOf(batch, cause) };
}

async function failing(
  parts: BatchParts,
  batch: BatchRow,
  { code, detail }: AttemptError,
  cause: AttemptError,
): Promise<Move> {
  const move = await ending(parts, batch, "failed", { code, detail });
  return { ...move, failed: attemptOf(batch, cause) };
}

/** ±20 % jitter, so that batches that failed at the same time do not retry at the same time. */
const JITTER = 0.4;

/** How long to wait after attempt number `attempt` (from 1), in ms. `random` is 0 to 1. */
export function backoffMs(
  { type, delayMs, maxMs }: Policy["backoff"],
  attempt: number,
  random = Math.random(),
): number {
  const plain = type === "fixed" ? delayMs : delayMs * 2 ** (attempt - 1);
  return Math.round(Math.min(plain, maxMs) * (1 + JITTER * (random - 0.5)));
}
