/** How much of its limits a partner uses, as bars, with words that say when there is room again. */
import { html } from "../ui/html.js";
import { bytes, count, duration } from "../ui/numbers.js";
import { Shares } from "../ui/progress.js";
import { Time } from "../ui/time.js";

/** @import { Usage } from "../types.d.ts" */

const NEAR = 0.8;

/**
 * @param {{ label: string, used: number, limit: number | null, format?: (value: number) => string, more?: any }} props `limit` null:
 *   there is none
 */
function Bar({ label, used, limit, format = count, more }) {
  const isFull = limit !== null && used >= limit;
  const isNear = limit !== null && used >= NEAR * limit;
  const tone = isFull ? "bad" : isNear ? "warn" : "busy";
  return html`<li>
    <div class="progress-head"><span>${label}</span><span><b>${format(used)}</b> <span class="quiet">${limit === null ? "no limit" : `of ${format(limit)}`}${isFull ? " – full" : isNear ? " – nearly full" : ""}</span></span></div>
    ${limit !== null && html`<${Shares} label=${label} parts=${[{ name: "used", value: Math.min(used, limit), tone }]} all=${limit} />`}
    ${more && html`<p class="quiet note">${more}</p>`}
  </li>`;
}

/** @param {{ usage: Usage }} props */
export function LimitBars({ usage: { requests, day, uploads, batches } }) {
  const waiting = batches.ready > 0 ? ` ${count(batches.ready)} more wait for their turn.` : "";
  return html`<ul class="stack">
    <${Bar} label=${`Requests in ${duration(requests.windowSeconds * 1_000)}`} used=${requests.used} limit=${requests.limit} />
    <${Bar} label="Rows today" used=${day.records.used} limit=${day.records.limit} />
    <${Bar} label="Data today" used=${day.bytes.used} limit=${day.bytes.limit} format=${bytes}
      more=${(day.records.limit !== null || day.bytes.limit !== null) && html`The day (UTC) ends <${Time} at=${day.resetsAt} />.`} />
    <${Bar} label="Batches at once" used=${batches.running} limit=${batches.limit} more=${waiting} />
    <${Bar} label="Uploads at once" used=${uploads.running} limit=${uploads.limit} />
  </ul>`;
}
