/** The recording of a soak: sampled figures, and each call with its time. A file can keep it, so that it can be judged again. */
import { readFileSync, writeFileSync } from "node:fs";

/** One value. `at`: seconds since the begin of the run. */
export interface Point {
  at: number;
  value: number;
}

/** The kinds of figures. judge.ts has a bound for each kind. */
export type What =
  | "heap"
  | "external"
  | "memory"
  | "files"
  | "timers"
  | "connections"
  | "bytes"
  | "wal"
  | "rows"
  | "overdue"
  | "keys"
  | "waiting"
  | "cpu"
  | "done"
  | "load";

export interface Series {
  what: What;
  points: Point[];
}

/** The label of what retention still has to delete: batches whose retention is over, and their records. */
export const OVERDUE_BATCHES = "overdue batches";
export const OVERDUE_RECORDS = "overdue records";

/** The kind of the calls to the control. */
export const CONTROL = "control";

export class Recording {
  /** The figures, by their printed label. */
  readonly figures = new Map<string, Series>();
  /** The calls, by their kind. Each has the time when it ended and how many ms it took. */
  readonly calls = new Map<string, Point[]>();

  note(what: What, label: string, at: number, value: number): number {
    const known = this.figures.get(label);
    if (known) known.points.push({ at, value });
    else this.figures.set(label, { what, points: [{ at, value }] });
    return value;
  }

  took(kind: string, at: number, ms: number): void {
    const known = this.calls.get(kind);
    if (known) known.push({ at, value: ms });
    else this.calls.set(kind, [{ at, value: ms }]);
  }

  save(file: string): void {
    const figures = [...this.figures].map(([label, { what, points }]) => [label, what, packed(points)]);
    const calls = [...this.calls].map(([kind, points]) => [kind, packed(points)]);
    const lines = [...figures, ...calls].map((one) => JSON.stringify(one));
    writeFileSync(file, `${lines.join("\n")}\n`);
  }

  static load(file: string): Recording {
    const found = new Recording();
    for (const line of readFileSync(file, "utf8").trimEnd().split("\n")) {
      const [label, ...rest] = JSON.parse(line) as [string, What, number[]] | [string, number[]];
      const points = unpacked(rest.at(-1) as number[]);
      if (rest.length === 2) found.figures.set(label, { what: rest[0] as What, points });
      else found.calls.set(label, points);
    }
    return found;
  }
}

const tenths = (value: number) => Math.round(value * 10) / 10;
const packed = (points: Point[]) => points.flatMap(({ at, value }) => [tenths(at), tenths(value)]);
const unpacked = (pairs: number[]): Point[] =>
  Array.from({ length: pairs.length / 2 }, (_, i) => ({
    at: pairs[2 * i] as number,
    value: pairs[2 * i + 1] as number,
  }));
