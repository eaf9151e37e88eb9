/** What the history and the audit record about a move: who has moved the batch, why, and its state before. */

import type { AuditedAction } from "../audit/audit.domain.ts";
import { type Auditing, differences, named } from "../audits.ts";
import { type BatchRow, isFinal, type Reason } from "./batch.domain.ts";
import type { MoverKind, ToldMove } from "./batch.history.domain.ts";
import type { Move } from "./batch.writes.domain.ts";

/** Who asks for a move, by which action, and for which reason. */
export interface By {
  audit: Auditing;
  action: AuditedAction;
  reason?: string | undefined;
  /** True: the batch's own client asks. */
  isPartner?: boolean;
}

type Why = Pick<ToldMove, "code" | "detail">;

/** Why a batch is held, has failed, or was rejected. */
export function whyOf(reason: Reason | null): Why {
  if (!reason || "waits" in reason) return { code: null, detail: null };
  if ("code" in reason) return { code: reason.code, detail: reason.detail };
  if (reason.hold === "order") return { code: "order", detail: `Behind batch ${reason.batchId}.` };
  return { code: reason.hold, detail: reason.until === null ? null : `Until ${new Date(reason.until).toISOString()}.` };
}

/** Why a batch was held, or when and how it had ended. The move overwrites this in the batch's row, so the history keeps it. */
function wasOf({ state, reason, finishedAt: at }: BatchRow): ToldMove["was"] {
  return state === "held" || isFinal(state) ? { ...whyOf(reason), at } : null;
}

const toldOf = (batch: BatchRow, to: Pick<Move, "reason">, kind: MoverKind): ToldMove => ({
  from: batch.state,
  kind,
  who: null,
  ...whyOf(to.reason),
  reason: null,
  was: wasOf(batch),
});

/** A move without a caller, with its entry in the history. */
export const toldMove = (move: Move, batch: BatchRow, kind: MoverKind = "system"): Move => ({
  ...move,
  told: toldOf(batch, move, kind),
});

/** The same, but with an entry only if the move begins or ends a hold. For other moves, the batch's row has the time. */
export const heldTold = (move: Move, batch: BatchRow, kind: MoverKind = "system"): Move =>
  move.to === "held" || batch.state === "held" ? toldMove(move, batch, kind) : move;

/** A move that a person has asked for, with its entry in the history and, if the caller is known, its row in the audit. */
export function audited(move: Move, batch: BatchRow, by: By): Move {
  const change = differences({ status: batch.state }, { status: move.to });
  return { ...move, ...asked(batch, move, by, change) };
}

/** The entry and the audit row of a move; `change` is what the audit shows. */
export function asked(
  batch: BatchRow,
  to: Pick<Move, "reason">,
  { audit, isPartner, ...words }: By,
  change: Record<string, unknown>,
): Pick<Move, "told" | "audit"> {
  const entry = audit({ ...words, subject: named("batch", batch.publicId), change });
  const kind = entry ? "operator" : isPartner ? "partner" : "system";
  const told = { ...toldOf(batch, to, kind), who: entry?.who ?? null, reason: words.reason ?? null };
  return { told, ...(entry && { audit: entry }) };
}
