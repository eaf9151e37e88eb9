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

/** How much a figure may rise from the first window to the last: the largest of `perHour`, `share` and `least`. */
export interface Bound {
  unit: string;
  perHour: number;
  /** As a share of the median of the first third. */
  share: number;
  /** An absolute rise that is noise. */
  least: number;
  mayLevel: boolean;
}

/** The share of a run that does not count. V8 compiles, caches and pools fill, retention and autovacuum begin. */
export const WARM_UP = 0.25;
export const WINDOWS = 12;
/** With fewer windows no trend can be recognized. */
export const LEAST_WINDOWS = 6;
/**
 * The least trend, in standard deviations of Kendall's statistic. Chance exceeds it in one of forty figures; such a figure must
 * also exceed its bound to count as growing.
 */
const TREND = 2;
/** A figure has levelled off if the slope of its last half is less than this share of the slope of the whole run. */
const GOES_ON = 0.25;
const HOUR_S = 3_600;

export interface Growth {
  /** The medians of the first and the last third of the windows. */
  first: number;
  last: number;
  /** The rise of the line from the first window to the last. */
  rise: number;
  perHour: number;
  most: number;
  grows: boolean;
}

export interface Cut {
  from: number;
  to: number;
  count?: number;
  /** The fewest points that a window needs. */
  least?: number;
}

/**
 * Cuts the time between `from` and `to` into windows of equal length. Each window with at least `least` points becomes one value.
 */
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

/** The most windows that get `least` points each. */
export const windowsFor = (points: number, least: number, most: number): number =>
  Math.min(most, Math.floor(points / least));

/** The median of the slopes of all pairs of points. */
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

/** Judges a figure by its windows. Null if there are too few windows. */
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
