/** What the history and the audit keep of a move: who has moved the batch, why, and what it was before. */

import type { AuditedAction } from "../audit/audit.domain.ts";
import { type Auditing, differences, named } from "../audits.ts";
import { type BatchRow, isFinal, type Reason } from "./batch.domain.ts";
import type { MoverKind, ToldMove } from "./batch.history.domain.ts";
import type { Move } from "./batch.writes.domain.ts";

/** Who asks for a move, as what the audit has it, and in whose words. */
export interface By {
  audit: Auditing;
  action: AuditedAction;
  reason?: string | undefined;
  /** A client asks for a batch of its own. */
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

/** The row of a batch forgets why it was held, and when and how it has ended, as soon as it goes on. */
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

/** The move of `batch` with its entry in the history: nobody has asked for it. */
export const toldMove = (move: Move, batch: BatchRow, kind: MoverKind = "system"): Move => ({
  ...move,
  told: toldOf(batch, move, kind),
});

/** Only a hold is told: else the row of the batch tells when it became ready. */
export const heldTold = (move: Move, batch: BatchRow, kind: MoverKind = "system"): Move =>
  move.to === "held" || batch.state === "held" ? toldMove(move, batch, kind) : move;

/** The same of a move that somebody has asked for, with its audit row, if somebody is named for it. */
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
