/** How much a soak has done: on a busy machine it does less, so CPU time, rows and the size of tables have to be seen beside it. */
import { median } from "../kit/report.ts";
import { type Cut, windowed } from "./growth.ts";
import { OVERDUE_BATCHES, OVERDUE_RECORDS, type Point, type Recording } from "./series.ts";

/**
 * What an upload of each kind costs, in records of a large file: a busy machine does less of some kinds than of others. Fitted to runs
 * at loads from 10 to 33, in which the CPU time for this work differs by a sixth from one half minute to the next.
 */
const costs = { small: 300, csv: 10_000, correction: 300, xlsx: 6_000, check: 1_200, table: 600, repeated: 500 };

/** An ended batch stays for a minute, so that rows are those of the uploads in some more than a minute. */
const STAYS_S = 75;

type Totals = Map<number, number>;

/** By the time of the sample: the work done until then, each upload by what `weight` says. */
function totals(recording: Recording, weight: (cost: number) => number): Totals {
  const found: Totals = new Map();
  for (const [kind, cost] of Object.entries(costs))
    for (const { at, value } of recording.figures.get(kind)?.points ?? [])
      found.set(at, (found.get(at) ?? 0) + weight(cost) * value);
  return found;
}

/** What sweeps, event streams, lists and logins cost in a second, in the same records. */
const BASE_A_SECOND = 1_000;

/** For the time of each sample, the cost of all work done until then. */
export function workOf(recording: Recording): Totals {
  const found = totals(recording, (cost) => cost);
  for (const [at, cost] of found) found.set(at, cost + BASE_A_SECOND * at);
  return found;
}

/** What the points rise by from one window to the next: `at` is the end of the latter. A point is the last one of its window. */
export const risesOf = (points: Point[], cut: Cut): Point[] => {
  const ends: Point[] = [];
  windowed(points, cut, (_, cell) => ends.push(cell.at(-1) as Point));
  return ends.slice(1).map(({ at, value }, i) => ({ at, value: value - (ends[i] as Point).value }));
};

/**
 * What each point would be, had there been no more uploads before it than in the middle of the run. With fewer it stays as it is: what
 * is over waits for a busy machine too. `points` have the times of samples.
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

/** How many uploads there were. */
export const uploadsOf = (recording: Recording): number => Math.max(0, ...totals(recording, () => 1).values());

/** The rows of a table without those of batches that retention has still to delete. A row may belong to none of them. */
export function withoutOverdue(label: string, points: Point[], recording: Recording): Point[] {
  const of = label === "rows of record" ? OVERDUE_RECORDS : OVERDUE_BATCHES;
  const overdue = new Map(recording.figures.get(of)?.points.map(({ at, value }) => [at, value]));
  return points.map(({ at, value }) => ({ at, value: Math.max(0, value - (overdue.get(at) ?? 0)) }));
}

/** What a record takes with its index and the room between two vacuums, as seen. */
const MB_A_RECORD = 0.0007;

/** The size of tables without the records that retention has still to delete. */
export function sizeWithoutOverdue(points: Point[], recording: Recording): Point[] {
  const overdue = new Map(recording.figures.get(OVERDUE_RECORDS)?.points.map(({ at, value }) => [at, value]));
  return points.map(({ at, value }) => ({ at, value: Math.max(0, value - MB_A_RECORD * (overdue.get(at) ?? 0)) }));
}
