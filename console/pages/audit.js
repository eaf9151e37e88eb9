/** The audit: who has changed what, from which address, and the values before and after. */
import { download } from "../api/download.js";
import { useList } from "../state/list.js";
import { ShortId } from "../ui/copy.js";
import { Difference } from "../ui/difference.js";
import { Empty } from "../ui/empty.js";
import { FilterBar } from "../ui/filter-bar.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Page } from "../ui/page.js";
import { State, wordOf } from "../ui/states.js";
import { Table } from "../ui/table.js";
import { exact, Time } from "../ui/time.js";
import { auditedActions } from "../words.js";

/** @import { AuditEntry, PageProps } from "../types.d.ts" */

/** @type {import("../ui/filter-bar.js").Filter[]} */
const filters = [
  { name: "who", label: "Who", hint: "operator or client identifier" },
  {
    name: "action",
    label: "What",
    kind: "choice",
    options: Object.entries(auditedActions).map(([value, label]) => ({ value, label })),
  },
  { name: "subject", label: "On", hint: "id or name" },
  { name: "from", label: "From", kind: "time", show: exact },
  { name: "to", label: "To", kind: "time", show: exact },
];

/** Where the subject has a page. */
/** @type {Record<string, (id: string) => string>} */
const places = {
  batch: (id) => `#/batches/${id}`,
  client: (id) => `#/clients/${id}`,
  dataset: (id) => `#/datasets/${encodeURIComponent(id)}`,
  delivery: (id) => `#/deliveries/${id}`,
  node: () => "#/nodes",
  operator: () => "#/operators",
};

/** @param {{ subject: AuditEntry["subject"] }} props */
function Subject({ subject: { type, id, name } }) {
  if (type === null) return html`<span class="quiet">–</span>`;
  const to = id === null ? undefined : places[type]?.(id);
  if (type === "batch" && id !== null) return html`<span class="quiet">batch</span> <${ShortId} id=${id} href=${to} />`;
  const shown = name ?? id ?? "";
  return html`<span class="quiet">${type}</span> ${to ? html`<a href=${to}>${shown}</a>` : shown}`;
}

/** @type {import("../ui/table.js").Column<AuditEntry>[]} */
const columns = [
  { key: "at", title: "When", render: ({ at }) => html`<${Time} at=${at} />` },
  {
    key: "who",
    title: "Who",
    render: ({ who, role }) =>
      html`${who ?? html`<span class="quiet">unknown</span>`}${role && role !== who && html` <span class="quiet">${role}</span>`}`,
  },
  { key: "action", title: "What", render: ({ action }) => auditedActions[action] ?? action },
  { key: "subject", title: "On", isWide: true, render: ({ subject }) => html`<${Subject} subject=${subject} />` },
  {
    key: "status",
    title: "Result",
    render: ({ status }) =>
      status === "done"
        ? html`<${State} of="done" />`
        : html`<span class="state bad"><${Icon} name="cross" />${wordOf(status)}</span>`,
  },
  {
    key: "reason",
    title: "Reason",
    hides: "first",
    render: ({ reason }) => (reason ? html`<q class="cut">${reason}</q>` : html`<span class="quiet">–</span>`),
  },
  {
    key: "from",
    title: "From",
    hides: "first",
    render: ({ address }) => html`<span class="mono">${address ?? "REPL"}</span>`,
  },
];

/** @param {AuditEntry} entry */
const moreOf = ({ at, reason, change, requestId }) =>
  html`<dl class="facts">
    <dt>When</dt><dd>${at && exact(at)}</dd>
    ${reason && html`<dt>Reason</dt><dd>${reason}</dd>`}
    ${requestId && html`<dt>Request</dt><dd><${ShortId} id=${requestId} what="request id" /></dd>`}
  </dl>
  ${change && html`<${Difference} of=${change} />`}`;

/** The audit of one client, dataset or other subject. @param {{ subject: string }} props */
export function AuditOf({ subject }) {
  const list = useList("/admin/audit", { query: { subject }, topics: ["stats"], everyMs: 5_000 });
  return html`<${Table} caption="Audit" columns=${columns.filter(({ key }) => key !== "subject")} list=${list} moreOf=${moreOf}
    empty=${html`<${Empty} title="Nobody has changed it." icon="audit"><p>What operators and partners do with it will be here.</p></${Empty}>`} />`;
}

/** @param {PageProps} props */
export default function Audit({ query }) {
  const list = useList("/admin/audit", { query, topics: ["stats"], everyMs: 5_000 });
  const downloads = html`<button type="button" class="button" onClick=${() => download("/admin/audit", query, "text/csv", "audit.csv")}>
    <${Icon} name="download" />CSV</button>`;
  return html`<${Page} title="Audit" actions=${downloads} lead="Every change by operators and partners, and logins that failed.">
    <${FilterBar} filters=${filters} />
    <${Table} caption="Audit" columns=${columns} list=${list} moreOf=${moreOf}
      empty=${html`<${Empty} title="Nothing was changed here." icon="audit"><p>With fewer filters there may be more. <a href="#/audit">Show all</a></p></${Empty}>`} />
  </${Page}>`;
}
