/** When the chat learns of a late queue: once, again each hour while it is late, and once more when it is on time again. */
import type { QueueFault } from "./alerts.domain.ts";

export interface QueueRules {
  /** The longest that a claimable batch may wait, in ms. */
  boundMs: number;
  /** The fault is over once no batch has waited too long for this time. It keeps a queue near the bound from sending "late" and "fine" in turn. */
  calmMs: number;
  remindMs: number;
}

export type QueueNews = "late" | "still late" | "fine";

export interface QueueStep {
  /** The fault that the last line was about. Null: nothing is wrong, and no line is due. */
  fault: QueueFault | null;
  /** What to tell. Null: nothing. */
  news: QueueNews | null;
}

/** What one look at the queue changes. `ageMs`: how long the oldest claimable batch has waited; null: there is none. */
export function queueStep(
  before: QueueFault | null,
  ageMs: number | null,
  now: number,
  { boundMs, calmMs, remindMs }: QueueRules,
): QueueStep {
  if (ageMs !== null && ageMs > boundMs) {
    const toldAt = before?.toldAt ?? null;
    const worstMs = Math.max(before?.worstMs ?? 0, ageMs);
    const fault = { since: before?.since ?? now, worstMs, toldAt, fineSince: null };
    if (toldAt === null) return { fault, news: "late" };
    return { fault, news: now - toldAt >= remindMs ? "still late" : null };
  }
  if (!before) return { fault: null, news: null };
  const fineSince = before.fineSince ?? now;
  return { fault: { ...before, fineSince }, news: now - fineSince >= calmMs ? "fine" : null };
}

/** What is left once the news was sent. */
export const afterTold = (fault: QueueFault | null, news: QueueNews, now: number): QueueFault | null =>
  news === "fine" || !fault ? null : { ...fault, toldAt: now };
