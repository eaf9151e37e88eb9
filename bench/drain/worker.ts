/**
 * The worker of a peer, in a process of its own. The first message starts it. Each further message asks when `count` batches were
 * done.
 */
import { serveParent } from "../kit/child.ts";
import { type DrainPeerName, drainPeers, type Place } from "./peers.ts";

export type Ask = { name: DrainPeerName; place: Place } | { count: number };

let begin = (_isOver: () => boolean) => {};
let expected = 0;
let told = (_at: number) => {};

function done(): void {
  if (--expected === 0) told(Date.now());
}

/** Starts the worker and answers 0, or answers the wall-clock time at which the last of `count` batches was done. */
async function answer(ask: Ask): Promise<number> {
  if ("name" in ask) {
    begin = await drainPeers[ask.name].work(ask.place, done);
    return 0;
  }
  expected = ask.count;
  const last = new Promise<number>((resolve) => {
    told = resolve;
  });
  begin(() => expected <= 0);
  return last;
}

serveParent(answer, () => {});
