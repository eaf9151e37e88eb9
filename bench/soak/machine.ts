/**
 * Takes the machine out of a latency. When other work fills the cores, a call takes longer, and so does the control; a call that passes
 * through four processes and their queues by more than in proportion. In an hour's run in which the control went from 6 to 77 ms, all
 * kinds of calls followed it with a power between 1 and 2.5.
 */
import type { Point } from "./series.ts";

/** A latency grows only if it does with each of these powers of the control taken out. */
export const POWERS = [1, 3];

/** Latency and control of one window. */
export interface Pair {
  at: number;
  value: number;
  control: number;
}

/** What each latency would have been, had the control taken `usual` ms all the time. */
export const corrected = (pairs: Pair[], power: number, usual: number): Point[] =>
  pairs.map(({ at, value, control }) => ({ at, value: value * (usual / control) ** power }));
