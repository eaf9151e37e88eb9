/** How much of each limit a client uses now, as bars. */
import { useQuery } from "../state/live.js";
import { Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { bytes, count, duration, plural } from "../ui/numbers.js";
import { Section } from "../ui/page.js";
import { Shares } from "../ui/progress.js";
import { now, Time } from "../ui/time.js";

/** @import { Client, Usage } from "../types.d.ts" */
/** @import { Found } from "../state/live.js" */

/** Above this share of a limit the bar warns. */
const NEAR = 0.8;

/**
 * @param {object} props
 * @param {string} props.label
 * @param {number} props.used
 * @param {number | null} props.limit null: there is none
 * @param {(value: number) => string} [props.format]
 * @param {any} [props.more] below
 */
function Limit({ label, used, limit, format = count, more }) {
  const isFull = limit !== null && used >= limit;
  const tone = isFull ? "bad" : limit !== null && used >= NEAR * limit ? "warn" : "busy";
  const word = isFull ? " – full" : tone === "warn" ? " – nearly full" : "";
  return html`<li>
    <div class="progress-head"><span>${label}</span><span><strong class=${isFull ? "bad tone" : ""}>${format(used)}</strong> ${limit === null ? html`<span class="quiet">no limit</span>` : html`<span class="quiet">of ${format(limit)}${word}</span>`}</span></div>
    ${limit !== null && html`<${Shares} label=${label} parts=${[{ name: "used", value: Math.min(used, limit), tone }]} all=${limit} />`}
    ${more && html`<p class="quiet note">${more}</p>`}
  </li>`;
}

/** @type {Record<string, string>} */
const stores = {
  share: "Redis is away: each node counts alone, with its share of the limit.",
  process: "Counted in the node.",
};

/** @param {Usage["requests"]} requests */
function requestsNote({ used, windowSeconds, resetsAt, store, nodes }) {
  const left = Date.parse(resetsAt) - now.value;
  const ends =
    used === 0
      ? `In any ${duration(windowSeconds * 1_000)}.`
      : `In the last ${duration(windowSeconds * 1_000)}; all free again ${left < 1_000 ? "now" : `in ${duration(left)}`}.`;
  return html`${ends} ${stores[store]}${nodes?.map(({ node, used: own }) => html` <span key=${node}>${node}: ${count(own)}.</span>`)}`;
}

/** @param {{ client: Client }} props */
export function Use({ client: { id } }) {
  const found = /** @type {Found<Usage>} */ (
    useQuery(`/admin/clients/${encodeURIComponent(id)}/usage`, { topics: ["stats"], everyMs: 8_000 })
  );
  const { data } = found;
  return html`<${Section} title="Use of its limits now" actions=${html`<a class="button small" href=${`#/clients/${id}?tab=policy`}>Its policy</a>`}>
    <${ErrorBox} problem=${found.problem} title="The use could not be read." onRetry=${found.reload} />
    ${found.isLoading && html`<${Loading} lines=${4} />`}
    ${data && html`<${Bars} usage=${data} />`}
  </${Section}>`;
}

/** @param {{ usage: Usage }} props */
function Bars({ usage: { requests, day, uploads, batches, streams } }) {
  const waiting = [
    batches.ready > 0 &&
      `${plural(batches.ready, "batch waits", "batches wait")}${batches.ready >= 10_000 ? " or more" : ""}`,
    batches.held > 0 && `${count(batches.held)} held`,
  ].filter(Boolean);
  // Nodes count the records and bytes of a day only for clients with such a limit.
  const isDayCounted = day.records.limit !== null || day.bytes.limit !== null;
  return html`<ul class="limits">
    <${Limit} label="Requests" used=${requests.used} limit=${requests.limit} more=${requestsNote(requests)} />
    ${
      isDayCounted
        ? html`<${Limit} label="Records of the day" used=${day.records.used} limit=${day.records.limit} more=${html`The UTC day ends <${Time} at=${day.resetsAt} />.`} />
        <${Limit} label="Bytes of the day" used=${day.bytes.used} limit=${day.bytes.limit} format=${bytes} />`
        : html`<li><div class="progress-head"><span>Records and bytes of the day</span><span class="quiet">no limit</span></div><p class="quiet note">So they are not counted by the day.</p></li>`
    }
    <${Limit} label="Batches that run" used=${batches.running} limit=${batches.limit} more=${waiting.length > 0 ? `${waiting.join(", ")}.` : "None waits."} />
    <${Limit} label="Uploads that run" used=${uploads.running} limit=${uploads.limit} more="On all nodes; the limit is that of each node." />
    <${Limit} label="Open event streams" used=${streams.open} limit=${streams.limit} more="On the node that answers." />
  </ul>`;
}
