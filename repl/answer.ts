import { format } from "node:util";
import type { ServiceBroker } from "moleculer";
import { visible } from "../lib/log/visible.cjs";

/** The answer of a command: lines of text, or a table. */
export interface Answer {
  rows: Record<string, unknown>[];
  /** Shown below the rows, or alone if there are none. */
  notes?: string[];
}

export const say = (note: string): Answer => ({ rows: [], notes: [note] });

const shown = (value: unknown): string =>
  value === null || value === undefined || value === "" ? "-" : visible(String(value));

/** Columns as wide as their longest value, by the keys of the first row; control characters in the values are escaped. */
export function rendered({ rows, notes = [] }: Answer): string {
  const names = Object.keys(rows[0] ?? {});
  const cells = [names, ...rows.map((row) => names.map((name) => shown(row[name])))];
  const widths = names.map((_, column) => Math.max(...cells.map((line) => (line[column] as string).length)));
  const lines = cells.map((line) =>
    line
      .map((cell, i) => cell.padEnd(widths[i] as number))
      .join("  ")
      .trimEnd(),
  );
  return [...(rows.length > 0 ? lines : []), ...notes.map(visible)].join("\n");
}

/** The age of a time. */
export const age = (at: number | null) => (at === null ? null : duration(Date.now() - at));

/** A few seconds, minutes, hours or days, as people say them. */
export function duration(ms: number): string {
  const units: [string, number][] = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1_000],
  ];
  for (const [unit, size] of units) if (ms >= size * 2) return `${Math.floor(ms / size)} ${unit}`;
  return `${Math.max(0, Math.round(ms))} ms`;
}

/** Colours and cursor columns, which Moleculer's own commands write. Those commands do not escape the texts of others. */
const LAYOUT = new RegExp(`(${String.fromCharCode(27)}\\[[\\d;]*m|\\t)`);

const safePart = (part: string) => (LAYOUT.test(part) ? part : visible(part));
const safeLine = (line: string) => line.split(LAYOUT).map(safePart).join("");

/** Escapes control characters in everything that `console` prints from now on, except colours. */
export function printSafely(): void {
  for (const name of ["log", "info", "warn", "error"] as const) {
    const print = console[name].bind(console);
    console[name] = (...values: unknown[]) =>
      print(
        format(...values)
          .split("\n")
          .map(safeLine)
          .join("\n"),
      );
  }
}

/** The arguments of a command: its operands by name, and its options. */
export interface Args {
  options: Record<string, unknown>;
  [operand: string]: unknown;
}

/** A command of ours. Its form is moleculer-repl's, except for the answer. */
export interface Command {
  /** `<needed>` and `[optional]` operands after the name. */
  command: string;
  description: string;
  options?: { option: string; description: string }[];
  run(broker: ServiceBroker, args: Args): Promise<Answer>;
}

/** An error as operators see it. */
export const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** How long to wait for one node. After that its name is shown beside the answers of the others. */
export const PATIENCE_MS = 2_000;

/** An operand as text; undefined if it was left out. */
export const operand = (args: Args, name: string): string | undefined =>
  args[name] === undefined ? undefined : String(args[name]);
