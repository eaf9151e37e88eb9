/** What waits, how many batches each state has, and what is still to be sent. */
import { useQuery } from "../state/live.js";
import { href } from "../state/router.js";
import { html } from "../ui/html.js";
import { count, duration, plural } from "../ui/numbers.js";
import { Section } from "../ui/page.js";
import { Shares } from "../ui/progress.js";
import { State, toneOf } from "../ui/states.js";
import { pages } from "./index.js";

/** @import { Found } from "../state/live.js" */
/** @import { History, SystemStats } from "../types.d.ts" */

/**
 * A link if the page exists, else only its words.
 * @param {{ path: string, query?: Record<string, string>, children?: any }} props
 */
export function To({ path, query, children }) {
  const [, first] = path.split("/");
  const isThere = pages.some((page) => page.side === "operator" && page.path.split("/")[1] === first);
  return isThere ? html`<a href=${href(path, query)}>${children}</a>` : html`<span>${children}</span>`;
}

/** @param {{ stats: SystemStats }} props */
export function Queue({ stats: { queue } }) {
  const { oldestReadyAgeMs, oldestReady, waitsForItsClient } = queue;
  const latency = useLatency();
  const tone =
    oldestReadyAgeMs === null || oldestReadyAgeMs < 60_000 ? "" : oldestReadyAgeMs < 300_000 ? "warn tone" : "bad tone";
  return html`<${Section} title="Queue" class="queue">
    <p class="quiet">Oldest batch that could run</p>
    <p class=${`big ${tone}`}>${oldestReadyAgeMs === null ? "none waits" : duration(oldestReadyAgeMs)}</p>
    ${oldestReady && html`<p><${To} path=${`/batches/${oldestReady.batchId}`}>of ${oldestReady.clientIdentifier ?? "a client that is gone"}</${To}></p>`}
    <dl class="figures small">
      <div><dt>Ready</dt><dd><${To} path="/batches" query=${{ status: "ready" }}>${count(queue.ready)}</${To}></dd></div>
      <div><dt>Processing</dt><dd><${To} path="/batches" query=${{ status: "processing" }}>${count(queue.processing)}</${To}></dd></div>
      <div><dt>Held</dt><dd><${To} path="/batches" query=${{ status: "held" }}>${count(queue.held)}</${To}></dd></div>
      <div><dt>Ready to first claim</dt><dd>${latency === null ? "–" : duration(latency)}</dd></div>
    </dl>
    ${oldestReady === null && queue.ready > 0 && html`<p class="quiet">What is ready waits for something: a handler, a table, its time to try again, or its client.</p>`}
    ${
      waitsForItsClient.batches > 0 &&
      html`<p class="quiet">${plural(waitsForItsClient.batches, "batch waits", "batches wait")} only for the limit of its own client, the oldest for ${duration(waitsForItsClient.oldestAgeMs)}.</p>`
    }
  </${Section}>`;
}

/** How long the batches of the last hour waited on average, from ready until a worker took them; null: there were none. */
function useLatency() {
  const found = /** @type {Found<History>} */ (
    useQuery("/admin/stats/history", {
      query: { series: "claimLatency", step: "1m" },
      topics: ["stats"],
      everyMs: 60_000,
    })
  );
  const known = (found.data?.series.claimLatencyMs ?? []).filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}

const live = /** @type {const} */ (["received", "ready", "processing", "held", "undoing"]);
/** @type {[string, keyof History["series"]][]} */
const ended = [
  ["completed", "batchesCompleted"],
  ["completed_with_errors", "batchesCompletedWithErrors"],
  ["validated", "batchesValidated"],
  ["failed", "batchesFailed"],
  ["rejected", "batchesRejected"],
  ["cancelled", "batchesCancelled"],
  ["undone", "batchesUndone"],
];

/** @param {{ stats: SystemStats }} props */
export function States({ stats: { batches } }) {
  const found = /** @type {Found<History>} */ (
    useQuery("/admin/stats/history", { query: { series: "batches", step: "1h" }, topics: ["stats"], everyMs: 60_000 })
  );
  const sum = (/** @type {keyof History["series"]} */ key) =>
    (found.data?.series[key] ?? []).reduce((/** @type {number} */ total, value) => total + (value ?? 0), 0);
  const now = live
    .map((state) => /** @type {const} */ ([state, batches[state] ?? 0]))
    .filter(([state, n]) => n > 0 || state === "ready" || state === "processing");
  const past = ended.map(([state, key]) => /** @type {const} */ ([state, sum(key)])).filter(([, n]) => n > 0);
  return html`<${Section} title="Batches by state">
    <h3>Now</h3><${Bars} rows=${now} />
    <h3>Ended in the last 24 h</h3>
    ${past.length === 0 ? html`<p class="quiet">None.</p>` : html`<${Bars} rows=${past} />`}
  </${Section}>`;
}

/** @param {{ rows: (readonly [string, number])[] }} props */
function Bars({ rows }) {
  const most = Math.max(1, ...rows.map(([, n]) => n));
  return html`<ul class="bars">${rows.map(
    ([
      state,
      n,
    ]) => html`<li key=${state}><${To} path="/batches" query=${{ status: state }}><${State} of=${state} /></${To}>
    <${Shares} label=${state} parts=${[{ name: state, value: n, tone: toneOf(state) }]} all=${most} /><span class="right">${count(n)}</span></li>`,
  )}</ul>`;
}

/** @param {{ stats: SystemStats }} props */
export function Outgoing({ stats: { queue, deliveries } }) {
  return html`<${Section} title="Events and webhooks">
    <dl class="figures small">
      <div><dt>Events to publish</dt><dd>${count(queue.outbox)}</dd></div>
      <div><dt>Oldest event</dt><dd>${duration(queue.oldestOutboxAgeMs)}</dd></div>
      <div><dt>Webhooks due</dt><dd><${To} path="/deliveries" query=${{ status: "pending" }}>${deliveries.due >= 10_000 ? "10,000+" : count(deliveries.due)}</${To}></dd></div>
      <div><dt>Oldest due</dt><dd>${duration(deliveries.oldestDueAgeMs)}</dd></div>
      <div><dt>Failed in 24 h</dt><dd class=${deliveries.failed24h ? "warn tone" : ""}><${To} path="/deliveries" query=${{ status: "failed" }}>${count(deliveries.failed24h)}</${To}></dd></div>
    </dl>
  </${Section}>`;
}
