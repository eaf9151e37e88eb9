/**
 * The order of batches. If a dataset keeps an order, each of its batches has a place in a lane, in the order of the uploads' commits.
 * The first batch of the lane runs; the others are `held`. A place in front of a batch can become free, but is never filled again, so a
 * batch that was read as the first stays the first. So every step here is a read and a conditional move, and of two nodes the later one
 * sees what the other has written. If a node dies between two steps, the sweep continues.
 */

import type { ServiceBroker } from "moleculer";
import type { BatchStore } from "../../database/store.ts";
import { Problem } from "../../lib/errors.ts";
import { actors } from "../actors.ts";
import type { Auditing } from "../audits.ts";
import { laneOf, standingAfter } from "../batches.ts";
import {
  type BatchRow,
  type BatchState,
  isFinal,
  type Lane,
  type OrderHold,
  type StalledLane,
} from "./batch.domain.ts";
import { announced, type BatchParts, foundBatch, type Which } from "./batch.parts.ts";
import { type MoveTo, moveOf } from "./batch.states.ts";
import { asked, toldMove } from "./batch.told.ts";
import type { Move } from "./batch.writes.domain.ts";

/** How often a step is tried, because steps for other batches of the lane may interfere. */
const MOST_TRIES = 20;

const orderHold = ({ state, reason }: BatchRow): OrderHold | null =>
  state === "held" && reason && "hold" in reason && reason.hold === "order" ? reason : null;

/**
 * Whether a batch in this state has left its lane. A failed batch has not, because it may be redriven. A batch that was only checked
 * never had a place.
 */
const hasLeft = (state: BatchState): boolean => isFinal(state) && state !== "failed" && state !== "validated";

/** The lane of a batch by its pinned policy. Null: the policy keeps no order, or the batch is a check that is not committed. */
async function pinnedLane(parts: BatchParts, batch: BatchRow): Promise<Lane | null> {
  if (batch.phase === "check") return null;
  const { isGone, ...pinned } = await parts.pinned.of(batch);
  return isGone ? null : laneOf(batch.clientId, pinned);
}

/**
 * The move of a batch that only the order may still hold: to `ready`, or to `held` behind other batches of its lane. A batch that was
 * skipped takes the last place.
 */
export async function goingOn(
  parts: BatchParts,
  batch: BatchRow,
  more: Omit<MoveTo, "to" | "due" | "events"> & { isApproved?: boolean } = {},
): Promise<Move> {
  const { isApproved, ...rest } = more;
  const lane = await pinnedLane(parts, batch);
  const [own] = lane ? await parts.store.fronts([batch.id]) : [];
  if (!lane || own?.front === batch.publicId)
    return moveOf(batch, { to: "ready", due: { inMs: 0 }, events: await parts.events.ready(batch), ...rest });
  const front = own?.front ?? (await parts.store.laneState(lane)).front ?? batch.publicId;
  const reason: OrderHold = { hold: "order", batchId: front, ...(isApproved && { isApproved }) };
  return { ...moveOf(batch, { to: "held", due: null, ...rest, reason }), ...(!own && { enters: lane }) };
}

/** Lets the first batch of a lane go on if only the order holds it. */
export async function advance(parts: BatchParts, lane: Lane): Promise<void> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const { front } = await parts.store.laneState(lane);
    const batch = front && (await parts.store.batch(front, null));
    if (!batch || !orderHold(batch)) return;
    const move = toldMove(await released(parts, batch), batch);
    if (announced(parts, await parts.store.move(move))) return;
  }
}

/** Its window may have closed in the meantime. */
async function released(parts: BatchParts, batch: BatchRow): Promise<Move> {
  const { policy } = await parts.pinned.of(batch);
  const isFree = policy.window === null || orderHold(batch)?.isApproved;
  const decision = isFree ? null : await parts.evaluate({ ...policy, requiresApproval: false }, batch);
  if (decision?.decision === "held") {
    const { due, reason } = standingAfter(decision);
    return moveOf(batch, { to: "held", due, reason });
  }
  return moveOf(batch, { to: "ready", due: { inMs: 0 }, events: await parts.events.ready(batch) });
}

/** Advances the lane of a batch that was just written: after an end the next batch goes on, and a held batch may be the first by now. */
export async function follow(parts: BatchParts, batch: BatchRow): Promise<void> {
  if (!hasLeft(batch.state) && !orderHold(batch)) return;
  const lane = await pinnedLane(parts, batch);
  if (!lane) return;
  if (hasLeft(batch.state)) await parts.store.leaveLane(batch.id);
  await advance(parts, lane);
}

/**
 * Skips a failed or held batch, so that the batches behind it run first. It gives up its place, and takes the last place if it goes on
 * later; a batch that only the order holds takes the last place at once. A second skip changes nothing. Throws not-found, illegal-state.
 */
export async function skipMove(
  parts: BatchParts,
  { reason, ...which }: Which & { reason?: string | undefined },
  audit: Auditing,
): Promise<BatchRow> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const batch = await foundBatch(parts.store, which);
    const { id, state, version, clientId } = batch;
    if (state !== "failed" && state !== "held")
      throw new Problem("illegal-state", `The batch is ${state}, neither failed nor held.`, { current: state });
    if (batch.phase === "check")
      throw new Problem(
        "illegal-state",
        "The batch was only checked: it has no place in an order, and no batch waits for it.",
        {
          current: state,
        },
      );
    const [own] = await parts.store.fronts([id]);
    if (!own && !(await pinnedLane(parts, batch)))
      throw new Problem("illegal-state", 'Its dataset keeps no order ("order": "none"): no batch waits for it.', {
        current: state,
      });
    if (!own) return batch;
    const lane = { clientId, lane: own.lane };
    const change = { "/skipped": [false, true] };
    const entries = asked(batch, { reason: SKIPPED }, { audit, action: "batch.skip", reason }, change);
    const last = orderHold(batch) ? lane : null;
    const written = await parts.store.skipBatch({ id, version, last, ...entries });
    if (!written) continue;
    parts.announce(written);
    await advance(parts, lane);
    return foundBatch(parts.store, which);
  }
  throw new Problem("unavailable", "The batch changed several times during this request. Send it again.", {
    headers: { "Retry-After": "1" },
  });
}

/** The history's entry for a skip. */
const SKIPPED = { code: "skipped", detail: "The batches behind it go first." };

/** Continues a lane whose node died between two steps. */
export async function advanceStalled(
  parts: BatchParts,
  { batchId, isOver, clientId, lane }: StalledLane,
): Promise<void> {
  if (isOver) await parts.store.leaveLane(batchId);
  await advance(parts, { clientId, lane });
}

/** Answers the same batches. For a batch that the order holds, `hold` names the first batch that its lane has now. */
export async function withFronts<R extends BatchRow>(store: Pick<BatchStore, "fronts">, batches: R[]): Promise<R[]> {
  const held = batches.filter(orderHold);
  if (held.length === 0) return batches;
  const fronts = new Map((await store.fronts(held.map(({ id }) => id))).map(({ id, front }) => [id, front]));
  return batches.map((batch) => {
    const [hold, front] = [orderHold(batch), fronts.get(batch.id)];
    return hold && front && front !== batch.publicId ? { ...batch, reason: { ...hold, batchId: front } } : batch;
  });
}

/** Asks the policy whether a batch may run now. Throws unavailable. */
export const evaluating =
  (broker: ServiceBroker): BatchParts["evaluate"] =>
  (policy, { format, bytes, records }) =>
    actors.policy.evaluate(broker, { policy, format, bytes, records });
