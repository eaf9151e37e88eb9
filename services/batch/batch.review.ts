/**
 * The approval of a batch after its check (`requiresApproval: "afterValidation"`): it is held for an operator, or starts over
 * and is delivered.
 */

import type { Policy } from "../policy/policy.contract.ts";
import type { BatchRow, HoldCounts } from "./batch.domain.ts";
import type { BatchParts } from "./batch.parts.ts";
import { moveOf } from "./batch.states.ts";
import type { Move } from "./batch.writes.domain.ts";

const countsOf = ({ records: received, accepted, rejected, duplicate, deleted }: BatchRow): HoldCounts => ({
  received,
  accepted,
  rejected,
  duplicate,
  ...(deleted !== null && { deleted }),
});

/** Whether an operator must approve the batch. Without limits (`approveWhen`) an operator always must. */
export function needsOperator(limits: Policy["approveWhen"], counts: HoldCounts): boolean {
  if (limits === null) return true;
  const { rejectedOver, rejectedPercentOver, recordsOver, deletedOver } = limits;
  const { received, rejected, deleted = 0 } = counts;
  const exceeds = (found: number, limit: number | null) => limit !== null && found > limit;
  return (
    exceeds(rejected, rejectedOver) ||
    exceeds((rejected * 100) / received, rejectedPercentOver) ||
    exceeds(received, recordsOver) ||
    exceeds(deleted, deletedOver)
  );
}

/**
 * processing → held with the figures of the check, or → ready: then the batch starts over, and is delivered. The check does not count as
 * an attempt.
 */
export async function reviewed(parts: BatchParts, batch: BatchRow): Promise<Move> {
  const counts = countsOf(batch);
  const { policy } = await parts.pinned.of(batch);
  if (!needsOperator(policy.approveWhen, counts))
    return moveOf(batch, { to: "ready", due: { inMs: 0 }, attempt: "uncount", ...delivery });
  const reason = { hold: "approval" as const, until: null, counts };
  const events = await parts.events.held(batch, counts);
  return moveOf(batch, { to: "held", due: null, attempt: "uncount", reason, events });
}

/** The pass that delivers the records. Its errors and counts replace those of the check. */
const delivery = { restart: "deliver" } as const satisfies Partial<Move>;

/** The phase of a held batch after its approval. A batch that was held before its check is checked first. */
export const approved = ({ phase, reason }: BatchRow): Partial<Pick<Move, "restart">> =>
  phase === "review" && reason && "hold" in reason && reason.hold === "approval" ? delivery : {};
