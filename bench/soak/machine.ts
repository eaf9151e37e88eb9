/**
 * Takes the influence of a busy machine out of a latency. Other work on the cores slows down a call and the control. A call that
 * passes through four processes and their queues slows down by more than the control does. In a run of an hour in which the
 * control went from 6 to 77 ms, all kinds of calls followed it with a power between 1 and 2.5.
 */
import type { Point } from "./series.ts";

/** Each latency is divided by these powers of the control. It counts as growing only if it grows with each of them. */
export const POWERS = [1, 3];

/** The latency of a kind of call and the latency of the control in one window. */
export interface Pair {
  at: number;
  value: number;
  control: number;
}

/** Answers what each latency would have been if the control had always taken `usual` ms. */
export const corrected = (pairs: Pair[], power: number, usual: number): Point[] =>
  pairs.map(({ at, value, control }) => ({ at, value: value * (usual / control) ** power }));
