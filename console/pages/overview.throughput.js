/** A chart of records or batches over time, by result: the last five minutes live, or up to 90 days. */
import { useMemo } from "preact/hooks";
import { useQuery } from "../state/live.js";
import { address, setQuery } from "../state/router.js";
import { Chart } from "../ui/chart.js";
import { Empty, Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { compact, rate } from "../ui/numbers.js";
import { Section } from "../ui/page.js";
import { clock, now } from "../ui/time.js";

/** @import { Found } from "../state/live.js" */
/** @import { History } from "../types.d.ts" */
/** @import { Series } from "../ui/chart.options.js" */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const stepMs = { "10s": 10_000, "1m": MINUTE, "1h": HOUR, "1d": DAY };

/** @type {Record<string, { label: string, ms: number, step: keyof typeof stepMs }>} */
const ranges = {
  "5m": { label: "5 min", ms: 5 * MINUTE, step: "10s" },
  "1h": { label: "1 h", ms: HOUR, step: "1m" },
  "6h": { label: "6 h", ms: 6 * HOUR, step: "1m" },
  "24h": { label: "24 h", ms: DAY, step: "1h" },
  "7d": { label: "7 d", ms: 7 * DAY, step: "1h" },
  "30d": { label: "30 d", ms: 30 * DAY, step: "1d" },
  "90d": { label: "90 d", ms: 89 * DAY, step: "1d" },
};

/** @type {[keyof History["series"], string, Series["tone"]][]} */
const ofRecords = [
  ["accepted", "accepted", "busy"],
  ["rejected", "rejected", "bad"],
  ["duplicate", "duplicate", "calm"],
];
/** @type {[keyof History["series"], string, Series["tone"]][]} */
const ofBatches = [
  ["batchesCompleted", "completed", "good"],
  ["batchesCompletedWithErrors", "completed with errors", "warn"],
  ["batchesFailed", "failed", "bad"],
  ["batchesRejected", "rejected", "wait"],
  ["batchesCancelled", "cancelled", "calm"],
  ["batchesValidated", "validated", "busy"],
];

/** @param {string} range @param {string | undefined} from @param {string | undefined} to */
function usePeriod(range, from, to) {
  const { ms, step } = ranges[range] ?? /** @type {typeof ranges["5m"]} */ (ranges["5m"]);
  const each = stepMs[step];
  // The address changes when a new step begins, not each second.
  const end = Math.floor(now.value / each);
  return useMemo(() => {
    if (from && to) return { from, to };
    return { step, from: new Date((end + 1) * each - ms).toISOString() };
  }, [range, from, to, end]);
}

/** @param {{ since: number }} props `since`: when the first of the nodes has started, epoch ms */
export function Throughput({ since }) {
  const { query } = address.value;
  const range = query.range && query.range in ranges ? query.range : "5m";
  const isBatches = query.show === "batches";
  const isZoomed = Boolean(query.from && query.to);
  const period = usePeriod(range, query.from, query.to);
  const found = /** @type {Found<History>} */ (
    useQuery("/admin/stats/history", {
      query: { ...period, series: isBatches ? "batches" : "records" },
      topics: isZoomed ? [] : ["stats"],
      everyMs: range === "5m" ? 5_000 : MINUTE,
      keeps: true,
    })
  );
  const choose = (/** @type {string} */ next) =>
    setQuery({ range: next === "5m" ? null : next, from: null, to: null }, { replace: true });
  const zoom = (/** @type {number} */ from, /** @type {number} */ to) =>
    setQuery({ from: new Date(from).toISOString(), to: new Date(to).toISOString() });
  const show = (/** @type {string | null} */ what) => setQuery({ show: what }, { replace: true });
  return html`<${Section} title="Throughput" class="throughput" actions=${html`
    <div class="segments" role="group" aria-label="What is counted">
      <button type="button" aria-pressed=${!isBatches} onClick=${() => show(null)}>Records</button>
      <button type="button" aria-pressed=${isBatches} onClick=${() => show("batches")}>Batches</button>
    </div>
    <div class="segments" role="group" aria-label="Time">
      ${Object.entries(ranges).map(
        ([name, { label }]) =>
          html`<button key=${name} type="button" aria-pressed=${!isZoomed && name === range} onClick=${() => choose(name)}>${label}</button>`,
      )}
      ${isZoomed && html`<button type="button" aria-pressed="true" onClick=${() => choose(range)}>Zoomed ×</button>`}
    </div>`}>
    <${ErrorBox} problem=${found.problem} title="The history could not be read." onRetry=${found.reload} />
    ${found.isLoading && html`<${Loading} lines=${6} />`}
    ${found.data && html`<${Drawn} history=${found.data} since=${since} isBatches=${isBatches} onZoom=${zoom} />`}
  </${Section}>`;
}

/**
 * When the figures begin, if that is within the chart; null: the chart has all figures. Nodes keep steps of seconds only in
 * memory, so a restart loses them.
 * @param {Pick<History, "step" | "from">} history
 * @param {number} since
 */
const beginOf = ({ step, from }, since) =>
  step === "10s" && since > Date.parse(from) && Number.isFinite(since) ? since : null;

/** @param {{ history: History, since: number, isBatches: boolean, onZoom: (from: number, to: number) => void }} props */
function Drawn({ history, since, isBatches, onZoom }) {
  const each = stepMs[history.step];
  // Batches are shown per minute, records per second.
  const per = each / (isBatches ? MINUTE : 1_000);
  const wanted = isBatches ? ofBatches : ofRecords;
  const from = Date.parse(history.from);
  const begin = beginOf(history, since);
  const isKnown = (/** @type {number} */ index) => begin === null || from + (index + 1) * each > begin;
  const all = wanted.flatMap(([key, name, tone]) => {
    const values = history.series[key];
    if (!values) return [];
    return [{ name, tone, values: values.map((value, i) => (value === null || !isKnown(i) ? null : value / per)) }];
  });
  const some = all.filter(({ values }, index) => index === 0 || values.some((value) => value));
  const times = (all[0]?.values ?? []).map((_, index) => from + index * each);
  const isEmpty = !all.some(({ values }) => values.some((value) => value));
  if (isEmpty && begin !== null)
    return html`<${Empty} title=${`No figures yet since the start at ${clock(begin)}.`} icon="overview"><p>Seconds are counted in the memory of the nodes. What was imported before is in the chart of 1 h.</p></${Empty}>`;
  if (isEmpty)
    return html`<${Empty} title="Nothing was imported in this time." icon="overview"><p>Choose a longer time, or wait for the next batch.</p></${Empty}>`;
  const unit = isBatches ? "batches a minute" : "records a second";
  return html`<${Chart} label=${`Throughput, ${unit}`} times=${times} series=${some} isStacked=${true} isPartial=${history.partial}
    format=${(/** @type {number} */ value) => (value >= 1_000 ? compact(value) : rate(value))} onZoom=${onZoom} height=${232} />
    <p class="quiet chart-note">${isBatches ? "Batches a minute" : "Records a second"}${history.partial ? "; the last step is not over yet" : ""}. Draw over the chart to zoom.</p>`;
}
