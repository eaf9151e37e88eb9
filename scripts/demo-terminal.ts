/** What the demo draws on a terminal: progress bars, and the table of rejected rows. */
import { drawnBar } from "../cli/bar.mjs";
import { visible } from "../lib/log/visible.cjs";
import type { RejectedRow } from "./demo-client.ts";

export { count, size } from "../cli/bar.mjs";

export interface Progress {
  set(value: number): void;
  /** Ends the bar at `value`. */
  end(value: number): void;
  /** Ends the bar and leaves the terminal in order. */
  stop(): void;
}

/** A progress bar on a terminal; elsewhere one plain line at the end. */
export function progress(label: string, total: number, show: (value: number) => string): Progress {
  return process.stdout.isTTY ? drawnBar(process.stdout, label, total, show) : line(label, show);
}

function line(label: string, show: (value: number) => string): Progress {
  return { set() {}, end: (value) => console.log(`  ${label} ${show(value)}`), stop() {} };
}

const HEAD = ["line", "field", "what is wrong", "found"];
const MESSAGE_WIDTH = 60;

/**
 * The rejected rows as a table: line, field, what is wrong, and the text that was found. Each fault has a line, cut to the
 * terminal's width. The found text comes last, because some letters are two columns wide.
 */
export function rejectedTable(rows: RejectedRow[], columns = 120): string {
  const table = [HEAD, ...rows.flatMap(cellsOf)];
  const widths = HEAD.map((_, at) => Math.max(...table.map((cells) => cells[at]?.length ?? 0)));
  return table
    .map((cells) => cells.map((cell, at) => (at === 3 ? cell : cell.padEnd(widths[at] ?? 0))).join("  "))
    .map((line) => `  ${cut(line, columns - 2).trimEnd()}`)
    .join("\n");
}

/** The cells of a rejected row. A fault without a text of its own shows the whole row. */
function cellsOf({ record, line, errors, raw }: RejectedRow): string[][] {
  return errors.map(({ field, column, message, value }, i) => [
    i === 0 ? String(line ?? `#${record}`) : "",
    visible((column ? `${field} (${column})` : field) || "–"),
    cut(visible(message), MESSAGE_WIDTH),
    visible((value ?? (i === 0 ? raw : "")).replaceAll(/\s+/g, " ")),
  ]);
}

function cut(text: string, width: number): string {
  const letters = [...text];
  return letters.length > width ? `${letters.slice(0, width - 1).join("")}…` : text;
}
