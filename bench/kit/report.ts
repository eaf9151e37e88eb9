/** Measures the sides of a benchmark in turns, and prints its results. */

export interface Options {
  size: "quick" | "usual" | "full";
  /** Null: the benchmark's own number. */
  rounds: number | null;
  /** Minutes of one long run in place of rounds, in benchmarks that support it. Null: rounds. */
  minutes: number | null;
  /** The rate of such a run, per second. Null: a share of the rate that a burst reaches. */
  pace: number | null;
  /**
   * The name of a database that is kept for the next run, in benchmarks that support it. Null: a new database, removed at the
   * end.
   */
  keep: string | null;
}

export interface Report {
  title: string;
  lines: Line[];
  notes?: string[];
}

export interface Line {
  label: string;
  figure: string;
  /** How the figure compares with the floor, in words. */
  ratio?: string;
  goal?: { text: string; isMet: boolean };
}

export type Benchmark = (options: Options) => Promise<Report>;

export function print({ title, lines, notes = [] }: Report): void {
  const labels = Math.max(...lines.map(({ label }) => label.length));
  const figures = Math.max(...lines.map(({ figure }) => figure.length));
  const ratios = Math.max(...lines.map(({ ratio = "" }) => ratio.length));
  console.log(`\n${title}`);
  for (const { label, figure, ratio = "", goal } of lines) {
    const verdict = goal ? `goal ${goal.text}: ${goal.isMet ? "met" : "NOT MET"}` : "";
    console.log(`  ${label.padEnd(labels)}  ${figure.padEnd(figures)}  ${ratio.padEnd(ratios)}  ${verdict}`.trimEnd());
  }
  for (const note of notes) console.log(`  ${note}`);
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

export function quantile(values: number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] as number;
}

const whole = (value: number) => Math.round(value).toLocaleString("en-US");

/**
 * A rate with its spread. On a shared machine the best round shows what the code can do, and the median what it did in this run.
 */
export const rate = (values: number[], unit: string): string =>
  `${whole(median(values))} ${unit} (${whole(Math.min(...values))}–${whole(Math.max(...values))})`;

/** A rate and its goal, both as a percentage of the floor's rate. */
export function againstFloor(label: string, values: number[], floor: number[], unit: string, goal: number): Line {
  const percent = (100 * median(values)) / median(floor);
  return {
    label,
    figure: rate(values, unit),
    ratio: `${percent.toFixed(0)} % of the floor`,
    goal: { text: `≥ ${goal} %`, isMet: percent >= goal },
  };
}

/**
 * Runs the compared sides in turns (a b c, a b c, …), so that other work of the machine affects all of them alike. The first
 * round warms up and does not count.
 */
export async function inTurns<Name extends string>(
  rounds: number,
  contenders: Record<Name, (isWarmUp: boolean) => Promise<number>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(contenders) as Name[];
  const figures = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = 0; round <= rounds; round++)
    for (const name of names) {
      const figure = await contenders[name](round === 0);
      if (round > 0) figures[name].push(figure);
    }
  return figures;
}
