/** The limit that a client is closest to, as a bar: its running batches, or a quota of the day. */
import { html } from "../ui/html.js";
import { bytes, count } from "../ui/numbers.js";
import { Shares } from "../ui/progress.js";

/** @import { ListedClient } from "../types.d.ts" */

/** Above this share of a limit the bar warns. */
const NEAR = 0.8;

/**
 * @typedef {object} Limited
 * @property {string} label
 * @property {number} used
 * @property {number} limit
 * @property {(value: number) => string} format
 */

/** @param {ListedClient["use"]} use @returns {Limited | undefined} */
function nearest({ batches, day }) {
  const all = [
    { label: "batches", used: batches.running, limit: batches.limit, format: count },
    { label: "records today", ...day.records, format: count },
    { label: "today", ...day.bytes, format: bytes },
  ];
  const limited = all.flatMap(({ limit, ...one }) => (limit === null || limit === 0 ? [] : [{ ...one, limit }]));
  return limited.toSorted((a, b) => b.used / b.limit - a.used / a.limit)[0];
}

/** @param {{ of: ListedClient["use"] }} props */
export function UseBar({ of }) {
  const found = nearest(of);
  if (!found || found.used === 0) return html`<span class="quiet">–</span>`;
  const { label, used, limit, format } = found;
  const isFull = used >= limit;
  const tone = isFull ? "bad" : used >= NEAR * limit ? "warn" : "busy";
  return html`<span class="use-bar"><span class="use-bar-text"><span class=${isFull ? "bad tone" : ""}>${format(used)}</span> <span class="quiet">of ${format(limit)} ${label}${isFull ? " – full" : ""}</span></span>
    <${Shares} label=${`Used: ${label}`} parts=${[{ name: "used", value: Math.min(used, limit), tone }]} all=${limit} /></span>`;
}
