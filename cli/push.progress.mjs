// @ts-check
/** Shows the progress on stderr: bars on a terminal, elsewhere a line for each step. */
import { visible } from "../lib/log/visible.cjs";
import { count, drawnBar, size } from "./bar.mjs";

/** @type {Record<"bytes" | "records", (value: number) => string>} */
const shown = { bytes: size, records: (value) => `${count(value)} records` };

export class Progress {
  /** @param {boolean} isQuiet */
  constructor(isQuiet) {
    this.isQuiet = isQuiet;
    /** @type {ReturnType<typeof drawnBar> | null} */
    this.bar = null;
    this.label = "";
    this.show = shown.bytes;
  }

  /**
   * @param {string} label
   * @param {number} total
   * @param {keyof typeof shown} unit
   */
  begin(label, total, unit) {
    this.label = label.padEnd(9);
    this.show = shown[unit];
    if (!this.isQuiet && process.stderr.isTTY) this.bar = drawnBar(process.stderr, this.label, total, this.show);
  }

  /** @param {number} value */
  set(value) {
    this.bar?.set(value);
  }

  /** @param {number} value */
  end(value) {
    if (this.bar) this.bar.end(value);
    else if (!this.isQuiet) console.error(`  ${this.label} ${this.show(value)}`);
    this.bar = null;
  }

  /**
   * Prints a line above the bar.
   * @param {string} line
   */
  say(line) {
    if (this.isQuiet) return;
    if (this.bar) process.stderr.write("\r\x1b[K");
    console.error(`  ${visible(line)}`);
  }

  /** Ends the bar and leaves the terminal in order. */
  stop() {
    this.bar?.stop();
    this.bar = null;
  }
}
