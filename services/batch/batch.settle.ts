/** Writes the outcome of a run: one move for each outcome. No other place knows which. */
import type { BatchRow, Move } from "../../database/store.ts";
import { attemptOf } from "./batch.attempts.ts";
import { backoffMs } from "./batch.backoff.ts";
import type { AttemptError, Settlement } from "./batch.contract.ts";
import { ending } from "./batch.moves.ts";
import { announced, type BatchParts } from "./batch.parts.ts";
import { moveOf } from "./batch.states.ts";

/** Null: the fence has risen, so the batch belongs to nobody or to another worker. */
export async function settle(parts: BatchParts, batch: BatchRow, outcome: Settlement): Promise<BatchRow | null> {
  const written = await parts.store.move(await moveFor(parts, batch, outcome));
  if (written) parts.wakeWorkers();
  else parts.figures.lost("giveUp");
  return announced(parts, written);
}

/** As long as the fence holds, nobody else has changed the batch. */
async function moveFor(parts: BatchParts, batch: BatchRow, outcome: Settlement): Promise<Move> {
  switch (outcome.outcome) {
    case "snooze":
      return moveOf(batch, { to: "ready", due: { inMs: outcome.delayMs }, attempt: "uncount" });
    case "retry":
      return again(parts, batch, outcome);
    case "cancel":
      return ending(parts, batch, "cancelled", null);
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
      { code: "handler-failed", detail: `Failed ${attempt} times, at last: ${detail}` },
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
