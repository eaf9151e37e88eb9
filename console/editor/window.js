/** The hours in which batches run, drawn as a bar of the day. */
import { html } from "../ui/html.js";
import { duration } from "../ui/numbers.js";
import { now } from "../ui/time.js";

const DAY = 1_440;

/** @param {unknown} time such as `22:00`. Answers minutes; NaN: no time of day */
const minutesOf = (time) => {
  const [, hours, minutes] = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(String(time)) ?? [];
  return hours === undefined ? Number.NaN : Number(hours) * 60 + Number(minutes);
};

/** @param {unknown} timeZone @returns {number | null} the minute of the day there */
function minuteThere(timeZone) {
  try {
    const format = new Intl.DateTimeFormat("en-GB", {
      timeZone: String(timeZone),
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
    });
    return minutesOf(format.format(now.value));
  } catch {
    return null;
  }
}

/** All time zones that this browser knows. */
export const timeZones = () => ["UTC", ...Intl.supportedValuesOf("timeZone")];

/** The first value of a window: the night in this browser's time zone. */
export const nightHere = () => ({
  from: "22:00",
  to: "06:00",
  timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
});

/** @param {{ window: any }} props */
export function Day({ window: hours }) {
  const from = minutesOf(hours?.from);
  const to = minutesOf(hours?.to);
  if (Number.isNaN(from) || Number.isNaN(to) || from === to) return null;
  const open =
    from < to
      ? [[from, to]]
      : [
          [0, to],
          [from, DAY],
        ];
  const length = (to - from + DAY) % DAY;
  const at = minuteThere(hours.timeZone);
  const isOpen = at !== null && open.some(([begin = 0, end = 0]) => at >= begin && at < end);
  const words = `Batches run from ${hours.from} to ${hours.to}${from > to ? " of the next day" : ""}, ${duration(length * 60_000)} a day.`;
  return html`<figure class="day">
    <svg viewBox="0 0 1440 60" role="img" aria-label=${words} preserveAspectRatio="none">
      <rect class="day-all" x="0" y="0" width="1440" height="60" />
      ${open.map(([begin = 0, end = 0]) => html`<rect key=${begin} class="day-open" x=${begin} y="0" width=${end - begin} height="60" />`)}
      ${at !== null && html`<rect class="day-now" x=${Math.max(0, at - 2)} y="0" width="5" height="60" />`}
    </svg>
    <span class="day-hours" aria-hidden="true">${[0, 6, 12, 18, 24].map((hour) => html`<span key=${hour}>${hour}</span>`)}</span>
    <figcaption class="quiet">${words} ${at === null ? "This browser does not know the time zone." : isOpen ? "It is open now." : "It is closed now."}</figcaption>
  </figure>`;
}
