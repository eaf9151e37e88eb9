/** A bar on a terminal; elsewhere one plain line when it is done. */
import cliProgress from "cli-progress";

export interface Progress {
  set(value: number): void;
  /** `value`: what was reached. */
  end(value: number): void;
  /** Leaves the terminal in order, wherever it is. */
  stop(): void;
}

export function progress(label: string, total: number, show: (value: number) => string): Progress {
  return process.stdout.isTTY ? bar(label, total, show) : line(label, show);
}

function bar(label: string, total: number, show: (value: number) => string): Progress {
  const drawn = new cliProgress.SingleBar({
    stream: process.stdout,
    format: `  ${label} {bar} {percentage} % | {shown}`,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 32,
    hideCursor: true,
  });
  const most = Math.max(1, total);
  drawn.start(most, 0, { shown: show(0) });
  return {
    set: (value) => drawn.update(Math.min(value, most), { shown: show(value) }),
    end(value) {
      drawn.update(most, { shown: show(value) });
      drawn.stop();
    },
    stop: () => drawn.stop(),
  };
}

function line(label: string, show: (value: number) => string): Progress {
  return { set() {}, end: (value) => console.log(`  ${label} ${show(value)}`), stop() {} };
}

export const count = (value: number): string => value.toLocaleString("en");

export function size(bytes: number): string {
  return bytes < 1e6 ? `${count(Math.ceil(bytes / 1000))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
