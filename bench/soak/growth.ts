/**
 * Whether a figure that was sampled during a run keeps growing. The run after its warm-up is cut into windows, each of which is one value;
 * so a sample that the machine's other work has spoilt weighs nothing. A figure grows if all of this holds:
 *
 * - its line through the windows (Theil–Sen: the median slope of all pairs) rises by more than its bound;
 * - the last third of the windows lies above the first by as much (medians);
 * - later windows are above earlier ones more often than chance does it (Kendall);
 * - where a figure may level off, as memory does when caches are full: its last half rises too.
 */
import { median } from "../kit/report.ts";
import type { Point } from "./series.ts";

/** How much a figure may rise from the first window to the last. The largest of the three values counts. */
export interface Bound {
  unit: string;
  perHour: number;
  /** A share of its first third. */
  share: number;
  /** Noise of small figures. */
  least: number;
  mayLevel: boolean;
}

/** The warm-up's share of a run: V8 compiles, caches and pools fill, retention and autovacuum begin. */
export const WARM_UP = 0.25;
export const WINDOWS = 12;
/** Of fewer windows no trend can be told. */
export const LEAST_WINDOWS = 6;
/** Standard deviations of Kendall's statistic: chance alone does this in one of forty figures, and has to pass the bounds too. */
const TREND = 2;
/** A figure has levelled off if the slope of its last half is less than this share of the slope of the whole run. */
const GOES_ON = 0.25;
const HOUR_S = 3_600;

export interface Growth {
  /** Medians of the first and the last third. */
  first: number;
  last: number;
  /** Of the line, from the first window to the last. */
  rise: number;
  perHour: number;
  most: number;
  grows: boolean;
}

export interface Cut {
  from: number;
  to: number;
  count?: number;
  /** Points that a window needs. */
  least?: number;
}

/** Cuts the points between the two times into windows of the same length, and makes one value of each that has `least` points. */
export function windowed(
  points: Point[],
  { from, to, count = WINDOWS, least = 1 }: Cut,
  pick: (values: number[], points: Point[]) => number,
): Point[] {
  const length = (to - from) / count;
  const cells = Array.from({ length: count }, () => [] as Point[]);
  for (const point of points) cells[Math.floor((point.at - from) / length)]?.push(point);
  return cells.flatMap((cell, i) => {
    if (cell.length < least) return [];
    const value = pick(
      cell.map((point) => point.value),
      cell,
    );
    return [{ at: from + (i + 0.5) * length, value }];
  });
}

/** How many windows there can be, if each needs `least` of the points. */
export const windowsFor = (points: number, least: number, most: number): number =>
  Math.min(most, Math.floor(points / least));

/** The median slope of all pairs. */
export function slopeOf(points: Point[]): number {
  const slopes = pairsOf(points).map(([a, b]) => (b.value - a.value) / (b.at - a.at));
  return median(slopes);
}

const pairsOf = (points: Point[]): [Point, Point][] =>
  points.flatMap((a, i) => points.slice(i + 1).map((b): [Point, Point] => [a, b]));

/** Kendall's statistic in standard deviations. */
function trendOf(points: Point[]): number {
  const n = points.length;
  const sum = pairsOf(points).reduce((all, [a, b]) => all + Math.sign(b.value - a.value), 0);
  return sum / Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
}

/** Null: the windows are too few. */
export function growthOf(windows: Point[], { perHour, share, least, mayLevel }: Bound): Growth | null {
  if (windows.length < LEAST_WINDOWS) return null;
  const third = Math.floor(windows.length / 3);
  const [early, late] = [windows.slice(0, third), windows.slice(-third)];
  const middle = (points: Point[], of: keyof Point) => median(points.map((point) => point[of]));
  const [first, last] = [middle(early, "value"), middle(late, "value")];
  const span = (windows.at(-1) as Point).at - (windows[0] as Point).at;
  const slope = slopeOf(windows);
  const step = ((last - first) * span) / (middle(late, "at") - middle(early, "at"));
  const most = Math.max((perHour * span) / HOUR_S, share * Math.abs(first), least);
  const goesOn = !mayLevel || slopeOf(windows.slice(windows.length >> 1)) >= GOES_ON * slope;
  const rise = slope * span;
  const grows = Math.min(rise, step) > most && trendOf(windows) >= TREND && goesOn;
  return { first, last, rise, perHour: slope * HOUR_S, most, grows };
}
