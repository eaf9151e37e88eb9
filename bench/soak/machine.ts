/**
 * Takes the machine out of a latency. When other work fills the cores, a call takes longer, and so does the control; a call that passes
 * through four processes and their queues by more than in proportion, but by less than the square. That was seen in runs in
 * which the control went from 6 to 77 ms: all kinds of calls lay between the powers 1 and 1.7 of it.
 */
import type { Point } from "./series.ts";

/** A latency grows only if it does with each of these powers of the control taken out. */
export const POWERS = [1, 2];

/** Latency and control of one window. */
export interface Pair {
  at: number;
  value: number;
  control: number;
}

/** What each latency would have been, had the control taken `usual` ms all the time. */
export const corrected = (pairs: Pair[], power: number, usual: number): Point[] =>
  pairs.map(({ at, value, control }) => ({ at, value: value * (usual / control) ** power }));
