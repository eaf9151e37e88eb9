/** Sizes the pieces of a removal: about 50 ms each, on any disk, with a pause as long as the piece took. */
import { setTimeout as pause } from "node:timers/promises";
import type { Removal } from "../batch/batch.reads.domain.ts";

const LEAST_ROWS = 500;
const MOST_ROWS = 20_000;
/** A chunk counts as this many rows, because it has up to 1 MiB. */
const ROWS_A_CHUNK = 1_000;
const QUICK_MS = 25;
const SLOW_MS = 100;
/** A piece shorter than this needs no pause. */
const SHORT_MS = 5;
/** The longest pause: a piece that waited for a lock says nothing about the disk. */
const LONGEST_PAUSE_MS = 1_000;

export class Pace {
  /** The size of the next piece. */
  rows = 2_000;

  get chunks(): number {
    return Math.max(1, Math.floor(this.rows / ROWS_A_CHUNK));
  }

  /** Runs a piece, pauses for as long, and sets the size of the next piece. */
  async measured(piece: () => Promise<Removal>): Promise<Removal> {
    const began = performance.now();
    const done = await piece();
    const took = performance.now() - began;
    if (took > SLOW_MS) this.rows = Math.max(LEAST_ROWS, Math.floor(this.rows / 2));
    // A piece that was not full says nothing about the right size.
    else if (took < QUICK_MS && done === "more") this.rows = Math.min(MOST_ROWS, this.rows * 2);
    if (took > SHORT_MS) await pause(Math.min(took, LONGEST_PAUSE_MS));
    return done;
  }
}
