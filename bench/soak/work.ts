/** How much work a soak has done. A busy machine does less, so CPU time, rows and table sizes are compared with the work. */
import { median } from "../kit/report.ts";
import { type Cut, windowed } from "./growth.ts";
import { OVERDUE_BATCHES, OVERDUE_RECORDS, type Point, type Recording } from "./series.ts";

/**
 * The cost of an upload of each kind, in units of one record of a large file. A busy machine does fewer uploads of some kinds
 * than of others, so their number alone is no measure. The costs are fitted to runs at loads from 10 to 33. In these runs the CPU
 * time for the same work varied by a sixth from one half minute to the next.
 */
const costs = { small: 300, csv: 10_000, correction: 300, xlsx: 6_000, check: 1_200, table: 600, repeated: 500 };

/**
 * Rows of a batch stay for its retention of a minute and some seconds more. So a table has the rows of the uploads in this time.
 */
const STAYS_S = 75;

type Totals = Map<number, number>;

/** The work done until each sample, by the time of the sample. `weight` turns the cost of an upload into what is summed. */
function totals(recording: Recording, weight: (cost: number) => number): Totals {
  const found: Totals = new Map();
  for (const [kind, cost] of Object.entries(costs))
    for (const { at, value } of recording.figures.get(kind)?.points ?? [])
      found.set(at, (found.get(at) ?? 0) + weight(cost) * value);
  return found;
}

/** The cost per second of sweeps, event streams, lists and logins, in the same unit. */
const BASE_A_SECOND = 1_000;

/** The total cost of all work done until each sample. */
export function workOf(recording: Recording): Totals {
  const found = totals(recording, (cost) => cost);
  for (const [at, cost] of found) found.set(at, cost + BASE_A_SECOND * at);
  return found;
}

/**
 * How much a growing figure rises from each window to the next. A window counts by its last point. `at` is the time of the later
 * window.
 */
export const risesOf = (points: Point[], cut: Cut): Point[] => {
  const ends: Point[] = [];
  windowed(points, cut, (_, cell) => ends.push(cell.at(-1) as Point));
  return ends.slice(1).map(({ at, value }, i) => ({ at, value: value - (ends[i] as Point).value }));
};

/**
 * Corrects each point to the usual rate of uploads: what the value would be if no more uploads had come before it than in the
 * middle of the run. A point after fewer uploads stays as it is, because a busy machine also deletes later. `points` have the
 * times of samples.
 */
export function atEvenRate(points: Point[], recording: Recording): Point[] {
  const uploads = [...totals(recording, () => 1)];
  const rates = points.map(({ at }) => {
    const before = uploads.filter(([time]) => time <= at && time >= at - STAYS_S);
    const [first, last] = [before[0], before.at(-1)];
    return first && last && last[0] > first[0] ? (last[1] - first[1]) / (last[0] - first[0]) : 0;
  });
  const usual = median(rates.filter((rate) => rate > 0));
  return points.map(({ at, value }, i) => ({ at, value: value * Math.min(1, usual / (rates[i] as number)) }));
}

/** The number of uploads of the run. */
export const uploadsOf = (recording: Recording): number => Math.max(0, ...totals(recording, () => 1).values());

/**
 * The rows of a table minus those of overdue batches, which retention still has to delete. Not every row belongs to a batch, so
 * the result may be too small; it is never below 0.
 */
export function withoutOverdue(label: string, points: Point[], recording: Recording): Point[] {
  const of = label === "rows of record" ? OVERDUE_RECORDS : OVERDUE_BATCHES;
  const overdue = new Map(recording.figures.get(of)?.points.map(({ at, value }) => [at, value]));
  return points.map(({ at, value }) => ({ at, value: Math.max(0, value - (overdue.get(at) ?? 0)) }));
}

/** The measured size of a record with its index, and with the free room between two vacuums. */
const MB_A_RECORD = 0.0007;

/** The size of tables minus the records that retention still has to delete. */
export function sizeWithoutOverdue(points: Point[], recording: Recording): Point[] {
  const overdue = new Map(recording.figures.get(OVERDUE_RECORDS)?.points.map(({ at, value }) => [at, value]));
  return points.map(({ at, value }) => ({ at, value: Math.max(0, value - MB_A_RECORD * (overdue.get(at) ?? 0)) }));
}
