/**
 * The states of a batch, and every move between them but three: an upload's commit, a chunk's commit, and the commit of
 * a batch that was only checked.
 *
 *   receiving ─► received ─► ready ◄──────► processing ─► completed
 *        │  │        │        ▲ ▲  (claim,       ├──────► completed_with_errors
 *        │  └────────┼─────── │ │   hand-back,   ├──────► failed ─► ready (redrive)
 *        │           ▼        │ │   retry)       ├──────► validated ─► ready, held, received (commit)
 *        └────────► held ─────┘ │                    └──────► held (approval by figures) ─► ready
 *                    └─────► rejected           received, held, ready, processing ─► cancelled
 *
 *   completed, completed_with_errors, failed, cancelled ─► undoing ─► undone
 *
 * In a dataset with an order, a batch that would become `ready` becomes `held` while batches in front of it in its lane are open.
 */

import { Problem } from "../../lib/errors.ts";
import type { OutboxDraft } from "../outbox/outbox.domain.ts";
import type { BatchRow, BatchState, Reason } from "./batch.domain.ts";
import type { Due, Move } from "./batch.writes.domain.ts";

const moves: Record<BatchState, readonly BatchState[]> = {
  receiving: ["received", "ready", "held", "rejected"],
  received: ["ready", "held", "rejected", "cancelled"],
  held: ["ready", "held", "rejected", "cancelled"],
  ready: ["processing", "cancelled"],
  processing: ["completed", "completed_with_errors", "failed", "validated", "ready", "held", "cancelled"],
  failed: ["ready", "held", "undoing"],
  completed: ["undoing"],
  completed_with_errors: ["undoing"],
  rejected: [],
  cancelled: ["undoing"],
  undoing: ["undone", "undoing"],
  undone: [],
  validated: ["received", "ready", "held"],
};

export interface MoveTo {
  to: BatchState;
  due: Due;
  reason?: Reason | null;
  attempt?: Move["attempt"];
  restart?: Move["restart"];
  onlyDue?: boolean;
  events?: OutboxDraft[];
}

/** A move of a batch that was read. It is written only if the batch has not changed since. Throws illegal-state. */
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
