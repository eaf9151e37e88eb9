/** Shows times as how long ago they were. The exact time appears on hover and focus, local or in UTC as the reader prefers. */
import { signal } from "@preact/signals";
import { isUtc } from "../state/settings.js";
import { html } from "./html.js";
import { duration } from "./numbers.js";

/** One clock for all relative times of the page. */
export const now = signal(Date.now());
setInterval(() => {
  if (document.visibilityState === "visible") now.value = Date.now();
}, 1_000);

/** @param {string | number | null | undefined} time */
const msOf = (time) => (typeof time === "number" ? time : time ? Date.parse(time) : Number.NaN);

/** @param {string | number} time `2026-11-30 14:03:07.120 UTC`, or with the local zone */
export function exact(time) {
  const date = new Date(msOf(time));
  if (Number.isNaN(date.getTime())) return String(time);
  if (isUtc.value) return `${date.toISOString().replace("T", " ").replace("Z", "")} UTC`;
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString();
  const zone = new Intl.DateTimeFormat(undefined, { timeZoneName: "short" })
    .formatToParts(date)
    .find(({ type }) => type === "timeZoneName");
  return `${local.replace("T", " ").replace("Z", "")} ${zone?.value ?? ""}`.trim();
}

/** @param {string | number} time `14:03:07` */
export const clock = (time) => exact(time).slice(11, 19);

/** @param {number} ms */
function relative(ms) {
  const ago = now.value - ms;
  if (Math.abs(ago) < 5_000) return "now";
  const text = Math.abs(ago) < 60_000 ? `${Math.round(Math.abs(ago) / 1_000)} s` : coarse(Math.abs(ago));
  return ago > 0 ? `${text} ago` : `in ${text}`;
}

/** A rough form with only the largest unit, because readers only glance at a list. @param {number} ms */
function coarse(ms) {
  const minutes = ms / 60_000;
  if (minutes < 60) return `${Math.floor(minutes)} min`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h`;
  return `${Math.floor(minutes / 1_440)} d`;
}

/**
 * @param {object} props
 * @param {string | number | null | undefined} props.at
 * @param {boolean} [props.isExact] shows the exact time, and how long ago on hover
 */
export function Time({ at, isExact = false }) {
  const ms = msOf(at);
  if (Number.isNaN(ms)) return html`<span class="quiet">–</span>`;
  const [shown, more] = isExact ? [exact(ms), relative(ms)] : [relative(ms), exact(ms)];
  return html`<time class="tip" datetime=${new Date(ms).toISOString()} tabindex="0" data-tip=${more} aria-label=${`${shown}, ${more}`}>${shown}</time>`;
}

/**
 * @param {{ from: string | number | null | undefined, to?: string | number | null }} props shows how long something took; without
 *   `to` it counts on
 */
export function Took({ from, to }) {
  const begin = msOf(from);
  if (Number.isNaN(begin)) return html`<span class="quiet">–</span>`;
  const end = to === null || to === undefined ? now.value : msOf(to);
  return html`<span>${duration(Math.max(0, end - begin))}</span>`;
}
