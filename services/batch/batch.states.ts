/**
 * The states of a batch, and every move between them but two: an upload's commit and a chunk's commit.
 *
 *   receiving ─► received ─► ready ◄──────► processing ─► completed
 *        │  │        │        ▲ ▲  (claim,       ├──────► completed_with_errors
 *        │  └────────┼─────── │ │   hand-back,   └──────► failed ─► ready (redrive)
 *        │           ▼        │ │   retry)
 *        └────────► held ─────┘ │
 *                    └─────► rejected           received, held, ready, processing ─► cancelled
 */
import type { BatchRow, BatchState, Due, Move, OutboxDraft, Reason } from "../../database/store.ts";
import { Problem } from "../../lib/errors.ts";

const moves: Record<BatchState, readonly BatchState[]> = {
  receiving: ["received", "ready", "held", "rejected"],
  received: ["ready", "held", "rejected", "cancelled"],
  held: ["ready", "rejected", "cancelled"],
  ready: ["processing", "cancelled"],
  processing: ["completed", "completed_with_errors", "failed", "ready", "cancelled"],
  failed: ["ready"],
  completed: [],
  completed_with_errors: [],
  rejected: [],
  cancelled: [],
};

interface MoveTo {
  to: BatchState;
  due: Due;
  reason?: Reason | null;
  attempt?: Move["attempt"];
  restart?: Move["restart"];
  onlyDue?: boolean;
  events?: OutboxDraft[];
}

/** The move of a batch as it was read; it happens only if the batch is still that one. Throws illegal-state. */
export function moveOf(batch: BatchRow, { to, due, reason = null, attempt = "keep", ...rest }: MoveTo): Move {
  if (!moves[batch.state].includes(to))
    throw new Problem("illegal-state", `A batch that is ${batch.state} cannot become ${to}.`, { current: batch.state });
  return {
    id: batch.id,
    from: batch.state,
    version: batch.version,
    fence: batch.fence,
    to,
    due,
    reason,
    attempt,
    events: [],
    ...rest,
  };
}
