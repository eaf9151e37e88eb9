/** A bar on a terminal; elsewhere one plain line when it is done. */
import { drawnBar } from "../cli/bar.mjs";

export { count, size } from "../cli/bar.mjs";

export interface Progress {
  set(value: number): void;
  /** Ends the bar at `value`. */
  end(value: number): void;
  /** Ends the bar and leaves the terminal in order. */
  stop(): void;
}

export function progress(label: string, total: number, show: (value: number) => string): Progress {
  return process.stdout.isTTY ? drawnBar(process.stdout, label, total, show) : line(label, show);
}

function line(label: string, show: (value: number) => string): Progress {
  return { set() {}, end: (value) => console.log(`  ${label} ${show(value)}`), stop() {} };
}
