// @ts-check
/** What is shown while it runs, on stderr: bars on a terminal, elsewhere a line for each step. */
import cliProgress from "cli-progress";

/** @typedef {"bytes" | "records"} Unit */

export class Progress {
  /** @param {boolean} isQuiet */
  constructor(isQuiet) {
    this.isQuiet = isQuiet;
    /** @type {cliProgress.SingleBar | null} */
    this.bar = null;
    this.label = "";
    this.total = 0;
    /** @type {Unit} */
    this.unit = "bytes";
  }

  /**
   * @param {string} label
   * @param {number} total
   * @param {Unit} unit
   */
  begin(label, total, unit) {
    Object.assign(this, { label, total, unit });
    if (this.isQuiet || !process.stderr.isTTY) return;
    this.bar = new cliProgress.SingleBar({
      stream: process.stderr,
      format: `  ${label.padEnd(9)} {bar} {percentage} % | {shown}`,
      barCompleteChar: "█",
      barIncompleteChar: "░",
      barsize: 32,
      hideCursor: true,
    });
    this.bar.start(Math.max(1, total), 0, { shown: this.#shown(0) });
  }

  /** @param {number} value */
  set(value) {
    this.bar?.update(Math.min(value, Math.max(1, this.total)), { shown: this.#shown(value) });
  }

  /** @param {number} value */
  end(value) {
    if (this.bar) this.bar.update(Math.max(1, this.total), { shown: this.#shown(value) });
    else if (!this.isQuiet) console.error(`  ${this.label.padEnd(9)} ${this.#shown(value)}`);
    this.stop();
  }

  /**
   * A line beside the bar.
   * @param {string} line
   */
  say(line) {
    if (this.isQuiet) return;
    const isDrawn = this.bar !== null;
    if (isDrawn) process.stderr.write("\r\x1b[K");
    console.error(`  ${line}`);
  }

  /** Leaves the terminal in order, wherever it is. */
  stop() {
    this.bar?.stop();
    this.bar = null;
  }

  /** @param {number} value */
  #shown(value) {
    return this.unit === "bytes" ? size(value) : `${count(value)} records`;
  }
}

/** @param {number} value */
export const count = (value) => value.toLocaleString("en");

/** @param {number} bytes */
const size = (bytes) => (bytes < 1e6 ? `${count(Math.ceil(bytes / 1000))} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
