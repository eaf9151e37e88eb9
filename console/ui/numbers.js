/** Numbers as people read them, in the language of the browser. */

const whole = new Intl.NumberFormat();
const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const fine = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

/** @param {number | null | undefined} value */
export const count = (value) => (value === null || value === undefined ? "–" : whole.format(value));

/** A short form such as `4.8K`, for places with little room. @param {number} value */
export const compact = (value) => short.format(value);

/** A rate per second, such as `4,812` or `0.3`. @param {number} value */
export const rate = (value) => (value >= 10 ? whole.format(Math.round(value)) : fine.format(value));

/** @param {number} part @param {number} all `31 %` of all; less than one in a hundred has a decimal */
export function percent(part, all) {
  if (all === 0) return "0 %";
  const value = (100 * part) / all;
  if (value > 0 && value < 0.1) return "< 0.1 %";
  return `${value < 10 ? fine.format(value) : Math.round(value)} %`;
}

const units = ["B", "KiB", "MiB", "GiB", "TiB"];

/** @param {number | null | undefined} value */
export function bytes(value) {
  if (value === null || value === undefined) return "–";
  let power = 0;
  let left = value;
  while (left >= 1024 && power < units.length - 1) {
    left /= 1024;
    power++;
  }
  return `${power === 0 ? left : fine.format(left)} ${units[power]}`;
}

/** @param {number | null | undefined} ms `0.3 s`, `4 min 12 s`, `3 h 5 min`, `2 d 4 h` */
export function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1) return "0 s";
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1_000;
  if (seconds < 60) return `${seconds < 10 ? fine.format(seconds) : Math.round(seconds)} s`;
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3_600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [Math.floor(seconds) % 60, "s"],
  ];
  const first = parts.findIndex(([value]) => value !== 0);
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value !== 0)
    .map(([value, unit]) => `${value} ${unit}`)
    .join(" ");
}

/** @param {number} n @param {string} one @param {string} [many] `1 batch`, `2 batches` */
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
