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
import {
  type BatchRow,
  type BatchState,
  type Due,
  isFinal,
  type Move,
  type OutboxDraft,
  type Reason,
  type UploadCommit,
} from "../../database/store.ts";
import { Problem } from "../errors.ts";
import type { Decision } from "../policy/policy.contract.ts";

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

/** A failed batch keeps its body, so that it can be driven again. */
export const keepsBody = (state: BatchState): boolean => state === "failed" || !isFinal(state);

const DAY_MS = 86_400_000;

/** When a batch that ended is deleted, by the policy that it is pinned to. */
export const retentionDue = ({ retentionDays }: { retentionDays: number }): Due => ({ inMs: retentionDays * DAY_MS });

/** A decision that failed is tried again so much later. */
const EVALUATE_AGAIN_MS = 5_000;

type Standing = Pick<UploadCommit, "state" | "due" | "reason">;

/** Where a batch stands by the policy's decision. Null: the policy could not be asked; it is asked again when that is due. */
export function standingAfter(decision: Decision | null): Standing {
  if (!decision) return { state: "received", due: { inMs: EVALUATE_AGAIN_MS }, reason: null };
  if (decision.decision === "ready") return { state: "ready", due: { inMs: 0 }, reason: null };
  const { hold, until } = decision;
  return { state: "held", due: until === null ? null : { at: until }, reason: { hold, until } };
}

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
