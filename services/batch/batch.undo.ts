/**
 * Taking back what a batch has delivered. The batch is `undoing` while `retention` deletes its rows in a table, or calls its handler,
 * then deletes its records and their unique keys, in pieces; any node goes on where another one has died. The move to `undone` comes last, with its event.
 */

import { TableFailure } from "../../database/errors.ts";
import { Problem } from "../../lib/errors.ts";
import { actors } from "../actors.ts";
import type { Auditing } from "../audits.ts";
import { errorForOperators } from "../batches.ts";
import { isElsewhere, type TakeBack, takeBackOf } from "../takeBack.ts";
import type { Undo } from "./batch.contract.ts";
import { type BatchRow, isCheckOnly } from "./batch.domain.ts";
import { announced, type BatchParts, foundBatch } from "./batch.parts.ts";
import { moveOf } from "./batch.states.ts";
import { audited, toldMove } from "./batch.told.ts";
import type { Move } from "./batch.writes.domain.ts";

interface Asked {
  publicId: string;
  reason?: string | undefined;
  isDryRun?: boolean | undefined;
}

/** How long an undo that cannot continue waits before the next try. */
const AGAIN_MS = 2_000;

/** Throws not-found, illegal-state, not-undoable, legal-hold, unavailable. */
export async function undoMove(parts: BatchParts, asked: Asked, audit: Auditing): Promise<Undo> {
  const found = await foundBatch(parts.store, { publicId: asked.publicId });
  if (found.state === "undoing" || found.state === "undone")
    return { batch: found, isNew: false, ...(asked.isDryRun && (await elsewhere(parts, found))) };
  const { move, takeBack } = await beginning(parts, found, asked.reason);
  if (asked.isDryRun)
    return { batch: found, isNew: true, ...(await elsewhere(parts, found)), ...(await inTheWay(takeBack)) };
  const by = { audit, action: "batch.undo", reason: asked.reason } as const;
  const batch = announced(parts, await parts.store.move(audited(move, found, by)));
  // Another call was faster (an undo, or a redrive), so read again. This happens only a few times, because an ended batch does not
  // change by itself.
  return batch ? { batch, isNew: true } : undoMove(parts, asked, audit);
}

/** DataFlow does not send these records of other batches again by itself; an operator has to do it. */
const elsewhere = async ({ store }: BatchParts, { id }: BatchRow): Promise<Pick<Undo, "duplicatesElsewhere">> => ({
  duplicatesElsewhere: await store.duplicatesOf(id),
});

interface Beginning {
  move: Move;
  takeBack: TakeBack;
}

async function beginning(parts: BatchParts, batch: BatchRow, reason: string | undefined): Promise<Beginning> {
  const error = { code: "undone-by-operator", detail: reason ?? "An operator took the batch back." };
  const move = moveOf(batch, { to: "undoing", due: { inMs: 0 }, reason: error });
  if ((await actors.clientCache.get(parts.broker, { id: batch.clientId }))?.legalHold)
    throw new Problem("legal-hold", "The batch's client is under a legal hold: what it has delivered must stay.");
  const { policy, isGone } = await parts.pinned.of(batch);
  if (!mayHaveDelivered(batch, !isGone && isElsewhere(policy)))
    throw new Problem("illegal-state", `The batch is ${batch.state} and has delivered nothing.`, {
      current: batch.state,
    });
  if (isGone) throw new Problem("not-undoable", "The policy that the batch was accepted under is gone.");
  const takeBack = await known(() => takeBackOf(parts, policy, batch));
  if ("fault" in takeBack) throw new Problem("not-undoable", takeBack.fault);
  return { move, takeBack };
}

/**
 * Whether the batch may have delivered. A handler or another database may have got the first chunk of a batch that failed
 * before its commit.
 */
function mayHaveDelivered({ state, accepted, phase, startedAt }: BatchRow, isElsewhere: boolean): boolean {
  if (state !== "failed" && state !== "cancelled") return true;
  // A check counts what it would have delivered.
  if (isCheckOnly(phase)) return false;
  return accepted > 0 || (isElsewhere && phase === "deliver" && startedAt !== null);
}

async function inTheWay(takeBack: TakeBack): Promise<Pick<Undo, "references">> {
  return "references" in takeBack && takeBack.references ? { references: await known(takeBack.references) } : {};
}

/** Throws unavailable if only the table's database knows, and it is away. */
async function known<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof TableFailure)
      throw new Problem("unavailable", `The batch cannot be taken back now: ${error.message}.`);
    throw error;
  }
}

/** Records why the undo cannot continue now. It is tried again soon. */
export async function waitingMove(parts: BatchParts, publicId: string, waits: string): Promise<void> {
  const batch = await foundBatch(parts.store, { publicId });
  const error = errorForOperators(batch);
  if (batch.state !== "undoing" || !error) return;
  await parts.store.move(moveOf(batch, { to: "undoing", due: { inMs: AGAIN_MS }, reason: { ...error, waits } }));
}

/** Reserves the undo for one node for so long. False: another node was faster, or the batch is no longer `undoing`. */
export async function claimMove(parts: BatchParts, publicId: string, forMs: number): Promise<boolean> {
  const batch = await foundBatch(parts.store, { publicId });
  if (batch.state !== "undoing") return false;
  const reason = errorForOperators(batch);
  const move = moveOf(batch, { to: "undoing", due: { inMs: forMs }, reason, onlyDue: true });
  return (await parts.store.move(move)) !== null;
}

/** undoing → undone. A kept body stays for `keepBodyDays`. Null: the batch is no longer `undoing`. */
export async function undoneMove(parts: BatchParts, publicId: string): Promise<BatchRow | null> {
  const batch = await foundBatch(parts.store, { publicId });
  if (batch.state !== "undoing") return null;
  const due = batch.chunks > 0 ? await parts.pinned.endedOf(batch, "undone") : await parts.pinned.retentionOf(batch);
  const reason = errorForOperators(batch);
  const events = await parts.events.undone(batch);
  const move = moveOf(batch, { to: "undone", due, reason, events });
  return announced(parts, await parts.store.move(toldMove(move, batch)));
}
