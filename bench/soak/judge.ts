/** Judges the recording of a soak: which figures keep growing. */
import { type Line, median, quantile } from "../kit/report.ts";
import { type Bound, type Cut, growthOf, LEAST_WINDOWS, WARM_UP, WINDOWS, windowed, windowsFor } from "./growth.ts";
import { corrected, type Pair, POWERS } from "./machine.ts";
import { CONTROL, OVERDUE_BATCHES, type Point, type Recording, type What } from "./series.ts";
import { atEvenRate, risesOf, sizeWithoutOverdue, uploadsOf, withoutOverdue, workOf } from "./work.ts";

type Judged = Exclude<What, "done" | "cpu" | "load" | "overdue">;

interface FigureBound extends Bound {
  /** Which value represents a window. For memory and files the lowest one counts: a leak raises it, a short peak does not. */
  pick: "least" | "middle";
  /** Whether the figure rises with the number of uploads in a minute. */
  followsRate?: true;
}

const memory = { unit: "MB", mayLevel: true, pick: "least" } as const;
const open = { unit: "open", mayLevel: true, pick: "least" } as const;
const figures: Record<Judged, FigureBound> = {
  heap: { ...memory, perHour: 8, share: 0.06, least: 3 },
  external: { ...memory, perHour: 8, share: 0.25, least: 8 },
  memory: { ...memory, perHour: 40, share: 0.15, least: 20 },
  files: { ...open, perHour: 2, share: 0.2, least: 6 },
  timers: { ...open, perHour: 2, share: 0.2, least: 5 },
  connections: { ...open, perHour: 0, share: 0.1, least: 2 },
  bytes: { ...memory, perHour: 100, share: 0.3, least: 60, followsRate: true },
  wal: { ...memory, perHour: 2, share: 0.5, least: 8 },
  rows: { unit: "rows", perHour: 50, share: 1, least: 200, mayLevel: true, pick: "least", followsRate: true },
  keys: { unit: "keys", perHour: 10, share: 0.5, least: 20, mayLevel: true, pick: "least" },
  waiting: { unit: "waiting", perHour: 0, share: 0.5, least: 20, mayLevel: false, pick: "least" },
};
/** Retention keeps the rows of these tables for days. They grow during any run, so they are not judged. */
const keptForDays = ["stat_minute", "stat_hour", "client_usage", "audit"].map((name) => `rows of ${name}`);
/** The largest number of batches that retention may leave overdue at the end, as a share of all uploads of the run. */
const MOST_OVERDUE = 0.5;
const picks = { least: (values: number[]) => Math.min(...values), middle: median };

/** On a busy machine, where four processes wait for two cores, the medians of ten calls differ by half. So the bound is wide. */
const latency: Bound = { unit: "ms", perHour: 0, share: 1, least: 5, mayLevel: false };
/**
 * CPU time per 1,000 records. A process that shares cores and caches with others needs somewhat more, so a quarter is allowed.
 */
const cpu: Bound = { unit: "ms", perHour: 0, share: 0.25, least: 1, mayLevel: false };
/** Measured at loads from 10 to 33: this quotient varies by a sixth around its middle. */
const cpuBeside: Bound = { unit: "%", perHour: 0, share: 0.35, least: 5, mayLevel: false };

/** The fewest calls of a window: `FEW` for its median, `MANY` for its slowest tenth. */
const FEW = 10;
const MANY = 40;

export function judged(recording: Recording): Line[] {
  const times = [...recording.figures.values()].flatMap(({ points }) => points.map(({ at }) => at));
  const to = Math.max(...times) + 0.001;
  const from = to * WARM_UP;
  return [
    ...figureLines(recording, from, to),
    ...overdueLines(recording),
    ...cpuLines(recording, from, to),
    ...callLines(recording, from, to),
  ];
}

function figureLines(recording: Recording, from: number, to: number): Line[] {
  return [...recording.figures].flatMap(([label, { what, points }]) => {
    if (what === "done" || what === "cpu" || what === "load" || what === "overdue") return [];
    if (keptForDays.includes(label)) return [];
    const bound = figures[what];
    const windowsOf = (all: Point[]) => windowed(within(all, from, to), { from, to }, picks[bound.pick]);
    const windows = windowsOf(points);
    // Most of some thirty tables have few rows, so they cannot grow by more than the bound.
    if (what === "rows" && Math.max(...windows.map(({ value }) => value)) <= bound.least) return [];
    // More uploads make more rows, which is no leak. So the figure must also grow after the rate of uploads is taken out.
    const even = bound.followsRate
      ? [windowed(within(atEvenRate(points, recording), from, to), { from, to }, median)]
      : [];
    // On a busy machine retention falls behind, and its overdue rows stay. `overdueLines` judges these, so they are taken out
    // here.
    if (what === "rows") even.push(windowsOf(withoutOverdue(label, points, recording)));
    if (what === "bytes") even.push(windowsOf(sizeWithoutOverdue(points, recording)));
    return [lineOf(label, windows, bound, even)];
  });
}

/** Judges whether retention keeps up. It may fall behind on a busy machine, but must delete more than it leaves. */
function overdueLines(recording: Recording): Line[] {
  const left = recording.figures.get(OVERDUE_BATCHES)?.points.at(-1)?.value;
  if (left === undefined) return [];
  const uploads = uploadsOf(recording);
  const goal = { text: `≤ ${MOST_OVERDUE * 100} % of the uploads`, isMet: left <= MOST_OVERDUE * uploads };
  return [{ label: OVERDUE_BATCHES, figure: `${left} at the end`, ratio: `of ${uploads} uploads`, goal }];
}

/**
 * Judges the CPU time of each process twice: per unit of work, and as a share of the other processes' CPU time. A busy machine
 * makes all processes need more, so a single process that grows stands out in the second.
 */
function cpuLines(recording: Recording, from: number, to: number): Line[] {
  const cut = { from, to, count: WINDOWS + 1 };
  const work = risesOf(
    [...workOf(recording)].map(([at, value]) => ({ at, value })),
    cut,
  );
  const all = [...recording.figures].filter(([, { what }]) => what === "cpu");
  const used = all.map(([label, { points }]) => ({ label, rises: risesOf(points, cut) }));
  return used.flatMap(({ label, rises }) => {
    const others = used.filter((one) => one.label !== label);
    const beside = rises.map(({ at }, i) => ({
      at,
      value: others.reduce((sum, one) => sum + (one.rises[i]?.value ?? 0), 0),
    }));
    return [
      lineOf(label, quotients(rises, work, 1_000), cpu),
      lineOf(`${label}, beside the others'`, quotients(rises, beside, 100), cpuBeside),
    ];
  });
}

/** Divides each point by the point of `by` that has the same window. */
const quotients = (points: Point[], by: Point[], times: number): Point[] =>
  points.flatMap(({ at, value }, i) => {
    const divisor = by[i]?.value ?? 0;
    return divisor > 0 ? [{ at, value: (times * value) / divisor }] : [];
  });

/**
 * Judges the latency of each kind of call. Each latency is corrected to a machine that is always as busy as it was in the middle
 * of the run. A kind with few calls has fewer, longer windows.
 */
function callLines(recording: Recording, from: number, to: number): Line[] {
  const control = within(recording.calls.get(CONTROL) ?? [], from, to);
  const usual = median(control.map(({ value }) => value));
  return [...recording.calls].flatMap(([kind, all]) => {
    if (kind === CONTROL) return [];
    const points = within(all, from, to);
    const lineAt = (label: string, least: number, pick: (values: number[]) => number) => {
      const count = windowsFor(points.length, least, WINDOWS);
      const pairs = pairsOf(points, control, { from, to, count, least: least / 2 }, pick);
      const [first, ...others] = POWERS.map((power) => corrected(pairs, power, usual));
      return lineOf(`${kind}: ${label}`, first as Point[], latency, others);
    };
    const lines = [lineAt("median", FEW, median)];
    if (points.length >= LEAST_WINDOWS * MANY)
      lines.push(lineAt("slowest tenth", MANY, (values) => quantile(values, 0.9)));
    return lines;
  });
}

const within = (points: Point[], from: number, to: number) => points.filter(({ at }) => at >= from && at < to);

/** Pairs the windows of a kind of call with the windows of the control. Both need enough calls. */
function pairsOf(calls: Point[], control: Point[], cut: Cut, pick: (values: number[]) => number): Pair[] {
  const beside = new Map(windowed(control, cut, pick).map(({ at, value }) => [at, value]));
  return windowed(calls, cut, pick).flatMap((one) => {
    const value = beside.get(one.at);
    return value ? [{ ...one, control: value }] : [];
  });
}

/**
 * Makes the printed line of a figure. `others`: the same figure with other influences taken out. The figure grows only if all of
 * these grow too.
 */
function lineOf(label: string, windows: Point[], bound: Bound, others: Point[][] = []): Line {
  const growth = growthOf(windows, bound);
  if (growth === null) return { label, figure: `${windows.length} windows are too few to judge` };
  const grows = growth.grows && others.every((other) => growthOf(other, bound)?.grows);
  const { first, last, rise, perHour, most } = growth;
  const form = (value: number) => value.toFixed(Math.abs(value) < 100 ? 1 : 0);
  return {
    label,
    figure: `${form(first)} ${bound.unit}, then ${form(last)}`,
    ratio: `${perHour < 0 ? "" : "+"}${form(perHour)} an hour, ${form(rise)} in all`,
    goal: { text: `rises by ≤ ${form(most)}`, isMet: !grows },
  };
}
