/** What a client uses of its limits now, its last seven days, and its last batches. */
import { useMemo } from "preact/hooks";
import { useList } from "../state/list.js";
import { useQuery } from "../state/live.js";
import { Chart } from "../ui/chart.js";
import { ShortId } from "../ui/copy.js";
import { Empty, Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { compact, count, percent } from "../ui/numbers.js";
import { Section } from "../ui/page.js";
import { State } from "../ui/states.js";
import { Table } from "../ui/table.js";
import { now, Time } from "../ui/time.js";
import { Use } from "./client.usage.js";

/** @import { Client, History, OperatorBatch } from "../types.d.ts" */
/** @import { Found } from "../state/live.js" */
/** @import { Series } from "../ui/chart.options.js" */

/** @param {{ client: Client }} props */
export function Today({ client }) {
  return html`<${Use} client=${client} /><${Week} client=${client} /><${LastBatches} client=${client} />`;
}

const HOUR_MS = 3_600_000;
const WEEK_HOURS = 7 * 24;
const SERIES = "records,requests,batches";

/** @param {{ client: Client }} props */
function Week({ client: { id } }) {
  const hour = Math.floor(now.value / HOUR_MS);
  const query = useMemo(
    () => ({
      client: id,
      step: "1h",
      series: SERIES,
      from: new Date((hour + 1 - WEEK_HOURS) * HOUR_MS).toISOString(),
    }),
    [id, hour],
  );
  const found = /** @type {Found<History>} */ (
    useQuery("/admin/stats/history", { query, topics: ["stats"], everyMs: 60_000, keeps: true })
  );
  return html`<${Section} title="Seven days">
    <${ErrorBox} problem=${found.problem} title="The history could not be read." onRetry=${found.reload} />
    ${found.isLoading && html`<${Loading} lines=${6} />`}
    ${found.data && html`<${Charts} history=${found.data} />`}
  </${Section}>`;
}

/** @param {(number | null)[] | undefined} values */
const sumOf = (values = []) => values.reduce((/** @type {number} */ sum, value) => sum + (value ?? 0), 0);

/** @param {{ history: History }} props */
function Charts({ history: { from, series, partial } }) {
  const { accepted = [], rejected = [], duplicate = [], requestsAllowed, requestsRefused, batchesFailed } = series;
  const [taken, refused, twice] = [sumOf(accepted), sumOf(rejected), sumOf(duplicate)];
  const all = taken + refused + twice;
  const [allowed, limited, failed] = [sumOf(requestsAllowed), sumOf(requestsRefused), sumOf(batchesFailed)];
  const times = accepted.map((_, index) => Date.parse(from) + index * HOUR_MS);
  const shares = rejected.map((value, index) => {
    const whole = (accepted[index] ?? 0) + (value ?? 0) + (duplicate[index] ?? 0);
    return value === null || whole === 0 ? null : (100 * value) / whole;
  });
  /** @type {Series[]} */
  const records = [
    { name: "accepted", tone: "busy", values: accepted },
    { name: "rejected", tone: "bad", values: rejected },
    ...(twice > 0 ? [/** @type {Series} */ ({ name: "duplicate", tone: "calm", values: duplicate })] : []),
  ];
  return html`<dl class="figures small">
      <div><dt>Records</dt><dd>${count(all)}</dd></div>
      <div><dt>Rejected</dt><dd class=${refused > 0 ? "bad tone" : ""}>${count(refused)} <span class="quiet">${percent(refused, all)}</span></dd></div>
      <div><dt>Failed batches</dt><dd class=${failed > 0 ? "bad tone" : ""}>${count(failed)}</dd></div>
      <div><dt>Requests</dt><dd>${count(allowed + limited)}</dd></div>
      <div><dt>Refused by its limit</dt><dd class=${limited > 0 ? "warn tone" : ""}>${count(limited)}</dd></div>
    </dl>
    ${
      all === 0
        ? html`<${Empty} title="It has imported nothing in these seven days." icon="overview"><p>Older batches are in the list of its batches.</p></${Empty}>`
        : html`<div class="columns charts">
          <${Chart} label="Records an hour" times=${times} series=${records} isStacked=${true} isPartial=${partial} format=${compact} height=${180} />
          <${Chart} label="Rejected share of the records of an hour" times=${times} isPartial=${partial} height=${180} format=${(/** @type {number} */ value) => percent(value, 100)}
            series=${[{ name: "rejected share", tone: "bad", values: shares }]} />
        </div>`
    }`;
}

/** @type {import("../ui/table.js").Column<OperatorBatch>[]} */
const columns = [
  { key: "status", title: "State", render: ({ status }) => html`<${State} of=${status} />` },
  {
    key: "id",
    title: "Batch",
    render: ({ id }) => html`<${ShortId} id=${id} href=${`#/batches/${id}`} />`,
  },
  { key: "dataset", title: "Dataset", isWide: true, render: ({ dataset }) => dataset },
  { key: "received", title: "Records", align: "right", render: ({ counts }) => count(counts.received) },
  {
    key: "rejected",
    title: "Rejected",
    align: "right",
    hides: "last",
    render: ({ counts: { rejected } }) =>
      rejected > 0 ? html`<span class="bad tone">${count(rejected)}</span>` : html`<span class="quiet">0</span>`,
  },
  { key: "created", title: "Created", align: "right", render: ({ createdAt }) => html`<${Time} at=${createdAt} />` },
];

const SHOWN = 10;

/** @param {{ client: Client }} props */
function LastBatches({ client: { id } }) {
  const list = useList("/admin/batches", {
    query: { client: id, limit: SHOWN },
    topics: ["batches"],
    everyMs: 5_000,
  });
  return html`<${Section} title="Last batches" actions=${html`<a class="button small" href=${`#/batches?client=${id}`}>All its batches</a>`}>
    <${Table} caption="Its last batches" columns=${columns} list=${{ ...list, hasMore: false }} hrefOf=${(/** @type {OperatorBatch} */ batch) => `#/batches/${batch.id}`}
      empty=${html`<${Empty} title="It has sent nothing yet." icon="batches"><p>Give the partner its identifier, its secret and the address: <a href=${`#/clients/${id}?tab=keys`}>secrets and keys</a>.</p></${Empty}>`} />
  </${Section}>`;
}
