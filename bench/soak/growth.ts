/** Whether a figure that was sampled during a run keeps growing. */
import { type Line, median } from "../kit/report.ts";

/** How much a figure may rise in the second half of the run: the largest of the three. */
export interface Bound {
  unit: string;
  perHour: number;
  /**
   * Noise, as a share of the mean: a short run cannot tell less from growth. Below two thirds, because a figure that grows evenly
   * from nothing rises by two thirds of its mean in the second half.
   */
  share: number;
  /** Noise of small figures. */
  least: number;
}

/** `at`: seconds since the begin. */
export interface Point {
  at: number;
  value: number;
}

const HOUR_S = 3_600;
/** A line through fewer samples says nothing. */
export const LEAST_POINTS = 4;

export interface Growth {
  mean: number;
  /** The rise of the line of least squares in an hour, and in the time that the points span. */
  perHour: number;
  rise: number;
}

/** Null: there are too few points. */
export function growthOf(points: Point[]): Growth | null {
  if (points.length < LEAST_POINTS) return null;
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [at, level] = [mean(points.map((one) => one.at)), mean(points.map(({ value }) => value))];
  const across = points.reduce((sum, one) => sum + (one.at - at) * (one.value - level), 0);
  const spread = points.reduce((sum, one) => sum + (one.at - at) ** 2, 0);
  const perSecond = across / spread;
  const span = (points.at(-1) as Point).at - (points[0] as Point).at;
  return { mean: level, perHour: perSecond * HOUR_S, rise: perSecond * span };
}

/** The most that the figure may rise in `seconds` around `mean`. */
export const mostRise = ({ perHour, share, least }: Bound, mean: number, seconds: number): number =>
  Math.max((perHour * seconds) / HOUR_S, share * mean, least);

/**
 * Judges the second half of the points, beside the median of the first: what is no higher than there does not grow, but follows
 * the machine's other work. A figure with too few points has no goal.
 */
export function judged(label: string, points: Point[], bound: Bound): Line {
  const half = points.slice(Math.floor(points.length / 2));
  const growth = growthOf(half);
  const form = (value: number) => value.toFixed(value < 100 ? 1 : 0);
  if (growth === null) return { label, figure: `${points.length} samples are too few to judge` };
  const { mean, perHour, rise } = growth;
  const span = (half.at(-1) as Point).at - (half[0] as Point).at;
  const most = mostRise(bound, mean, span);
  const first = median(points.slice(0, points.length - half.length).map(({ value }) => value));
  return {
    label,
    figure: `${form(first)} ${bound.unit}, then ${form(mean)} ${bound.unit}`,
    ratio: `${perHour < 0 ? "" : "+"}${form(perHour)} ${bound.unit} an hour, ${form(rise)} in ${span.toFixed(0)} s`,
    goal: { text: `rises by ≤ ${form(most)} ${bound.unit}`, isMet: rise <= most || mean <= first },
  };
}
