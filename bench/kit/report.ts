/** What a benchmark found, and how it is told. */

export interface Options {
  size: "quick" | "usual" | "full";
  /** Null: as many as the benchmark wants. */
  rounds: number | null;
  /** Null: rounds as usual; else a run of so many minutes, of benchmarks that know one. */
  minutes: number | null;
  /** What is sent a second in such a run; null: a share of what a burst reaches. */
  pace: number | null;
}

export interface Report {
  title: string;
  lines: Line[];
  notes?: string[];
}

export interface Line {
  label: string;
  figure: string;
  /** Figure against floor, in words. */
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

/** A rate with its spread: on a shared machine the best round says what it can do, the median what it did. */
export const rate = (values: number[], unit: string): string =>
  `${whole(median(values))} ${unit} (${whole(Math.min(...values))}–${whole(Math.max(...values))})`;

/** A rate against its floor and its goal, both in per cent of the floor. */
export function againstFloor(label: string, values: number[], floor: number[], unit: string, goal: number): Line {
  const percent = (100 * median(values)) / median(floor);
  return {
    label,
    figure: rate(values, unit),
    ratio: `${percent.toFixed(0)} % of the floor`,
    goal: { text: `≥ ${goal} %`, isMet: percent >= goal },
  };
}
