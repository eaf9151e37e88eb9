// @ts-check
/** How our progress bars look, and how numbers are shown beside them. */
import cliProgress from "cli-progress";

/**
 * Draws a bar on a terminal from now on.
 * @param {NodeJS.WriteStream} stream
 * @param {string} label
 * @param {number} total
 * @param {(value: number) => string} show
 */
export function drawnBar(stream, label, total, show) {
  const bar = new cliProgress.SingleBar({
    stream,
    format: `  ${label} {bar} {percentage} % | {shown}`,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 32,
    hideCursor: true,
  });
  const most = Math.max(1, total);
  bar.start(most, 0, { shown: show(0) });
  return {
    /** @param {number} value */
    set: (value) => bar.update(Math.min(value, most), { shown: show(value) }),
    /**
     * Draws the bar full, whatever value was reached.
     * @param {number} value
     */
    end(value) {
      bar.update(most, { shown: show(value) });
      bar.stop();
    },
    /** Ends the bar and leaves the terminal in order. */
    stop: () => bar.stop(),
  };
}

/** @param {number} value */
export const count = (value) => value.toLocaleString("en");

/** @param {number} bytes */
export const size = (bytes) =>
  bytes < 1e6 ? `${count(Math.ceil(bytes / 1000))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
