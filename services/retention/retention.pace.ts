/** How much a removal deletes at once: pieces of some 50 ms, whatever the disk, with pauses as long as they took. */
import { setTimeout as pause } from "node:timers/promises";
import type { Removal } from "../../database/store.ts";

const LEAST_ROWS = 500;
const MOST_ROWS = 20_000;
/** A chunk has up to 1 MiB. */
const ROWS_A_CHUNK = 1_000;
const QUICK_MS = 25;
const SLOW_MS = 100;
/** So short a piece was in nobody's way. */
const SHORT_MS = 5;
/** A piece that waited for a lock says nothing of the disk, and needs no such long pause. */
const LONGEST_PAUSE_MS = 1_000;

export class Pace {
  /** Of the next piece. */
  rows = 2_000;

  get chunks(): number {
    return Math.max(1, Math.floor(this.rows / ROWS_A_CHUNK));
  }

  /** Runs a piece, leaves the disk to others for as long, and sets the size of the next one. */
  async measured(piece: () => Promise<Removal>): Promise<Removal> {
    const began = performance.now();
    const done = await piece();
    const took = performance.now() - began;
    if (took > SLOW_MS) this.rows = Math.max(LEAST_ROWS, Math.floor(this.rows / 2));
    // A piece that was not full is quick whatever its size.
    else if (took < QUICK_MS && done === "more") this.rows = Math.min(MOST_ROWS, this.rows * 2);
    if (took > SHORT_MS) await pause(Math.min(took, LONGEST_PAUSE_MS));
    return done;
  }
}
