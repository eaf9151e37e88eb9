/** Measures a speed over the last ten seconds. */

const WINDOW_MS = 10_000;

/** @typedef {{ rate: number, leftMs: number | null }} Speed `rate`: a second; `leftMs` null: not known yet */

/** Makes a meter for one growing value. */
export function meter() {
  /** @type {[at: number, value: number][]} */
  let points = [];
  /**
   * @param {number} value so far
   * @param {number} [all] null: unknown
   * @returns {Speed}
   */
  return (value, all = 0) => {
    const at = Date.now();
    const [last] = points.slice(-1);
    if (last && value < last[1]) points = [];
    points = [...points.filter(([time]) => at - time <= WINDOW_MS), [at, value]];
    const [began, from] = points[0] ?? [at, value];
    const rate = at > began ? ((value - from) * 1_000) / (at - began) : 0;
    return { rate, leftMs: rate > 0 && all > value ? ((all - value) * 1_000) / rate : null };
  };
}
