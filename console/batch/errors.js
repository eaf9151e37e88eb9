/** The errors of a batch by field and code: how many, from which line on, which values are accepted, and example records. */

import { urlOf, withQuery } from "../api/client.js";
import { download } from "../api/download.js";
import { useQuery } from "../state/live.js";
import { href } from "../state/router.js";
import { Empty, Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { count, percent, plural } from "../ui/numbers.js";
import { Shares } from "../ui/progress.js";
import { Table } from "../ui/table.js";
import { Samples } from "./samples.js";

/** @import { Batch, ErrorGroup, ErrorSummary, Query } from "../types.d.ts" */
/** @import { Column } from "../ui/table.js" */

/** @param {{ field: string }} props */
const Field = ({ field }) =>
  field === "" ? html`<span class="quiet">whole record</span>` : html`<code>${field}</code>`;

/** @param {number} total @returns {Column<ErrorGroup>[]} */
const columnsOf = (total) => [
  { key: "count", title: "Errors", align: "right", render: (group) => html`<b>${count(group.count)}</b>` },
  {
    key: "share",
    title: "Share",
    render: (group) =>
      html`<span class="share"><${Shares} label="Share" parts=${[{ name: "of all errors", value: group.count, tone: "bad" }]} all=${total} /><span>${percent(group.count, total)}</span></span>`,
  },
  { key: "field", title: "Field", render: ({ field }) => html`<${Field} field=${field} />` },
  { key: "code", title: "Code", hides: "last", render: ({ code }) => html`<code>${code}</code>` },
  { key: "message", title: "What is accepted", isWide: true, render: ({ message }) => message },
  {
    key: "values",
    title: "Found, such as",
    hides: "first",
    render: ({ values }) =>
      values.length === 0
        ? html`<span class="quiet">–</span>`
        : html`<span class="examples">${values.slice(0, 2).map((value) => html`<mark key=${value} class="cell wrong">${value === "" ? "empty" : value}</mark>`)}${values.length > 2 && html`<span class="quiet">…</span>`}</span>`,
  },
  {
    key: "first",
    title: "First line",
    align: "right",
    hides: "first",
    render: ({ firstLine, firstRecord }) =>
      firstLine === null ? html`<span class="quiet">record</span> ${count(firstRecord)}` : count(firstLine),
  },
];

/** @param {ErrorGroup} group */
const keyOf = ({ field, code }) => `${field}\n${code}`;

/**
 * @param {object} props
 * @param {string} props.base `/imports/0193…` or `/admin/batches/0193…`
 * @param {Batch} props.batch
 * @param {Query} props.query of the address: `field` and `code` name the group that is shown
 * @param {(group: ErrorGroup) => string} props.hrefOf the address that shows a group
 */
export function Errors({ base, batch, query, hrefOf }) {
  // A running batch may find more errors, so this is read again.
  const isRunning = batch.finishedAt === null;
  /** @type {import("../state/live.js").Found<ErrorSummary>} */
  const { data, problem, reload } = useQuery(`${base}/errors/summary`, {
    topics: isRunning ? [`batch:${batch.id}`] : [],
    everyMs: 3_000,
  });
  if (problem && !data)
    return html`<${ErrorBox} problem=${problem} title="The errors could not be read." onRetry=${reload} />`;
  if (!data) return html`<${Loading} label="Loading errors" />`;
  const { groups, total, records, other } = data;
  if (groups.length === 0) return html`<${NoErrors} batch=${batch} />`;
  const chosen = groups.find(({ field, code }) => field === (query.field ?? "") && code === query.code) ?? groups[0];
  return html`<div class="stack">
    <p class="quiet">${plural(total, "error")} in ${plural(records, "rejected record")}, in ${plural(groups.length, "group")}. A record may have several errors.
      ${other.count > 0 && ` ${plural(other.count, "error")} of further groups are not listed.`}</p>
    <${Table} caption="Errors by field and code" columns=${columnsOf(total)} list=${{ items: groups }} keyOf=${keyOf} hrefOf=${hrefOf}
      toneOf=${(/** @type {ErrorGroup} */ group) => (group === chosen ? "chosen" : "")} />
    ${chosen && html`<${Group} key=${keyOf(chosen)} base=${base} batch=${batch} group=${chosen} />`}
  </div>`;
}

/** @param {{ base: string, batch: Batch, group: ErrorGroup }} props */
function Group({ base, batch, group }) {
  const { field, code } = group;
  const query = { ...(field !== "" && { field }), code };
  const file = `${batch.id}-${field || "record"}-${code}`;
  return html`<section class="group" aria-label="Records with this error">
    <header class="card-head"><h2><${Field} field=${field} /> <span class="quiet">·</span> <code>${code}</code></h2>
      <div class="card-actions">
        <a class="quiet-link" href=${href("/errors", { code })}>What the code means</a>
        <button type="button" class="button small" onClick=${() => download(`${base}/errors`, query, "text/csv", `${file}.csv`)}><${Icon} name="download" />CSV of this group</button>
        <a class="button small" href=${urlOf(withQuery(`${base}/errors`, query))} download=${`${file}.ndjson`}><${Icon} name="download" />NDJSON</a>
      </div></header>
    <${Samples} base=${base} group=${group} />
  </section>`;
}

/** @param {{ batch: Batch }} props */
function NoErrors({ batch: { counts, finishedAt, status } }) {
  if (counts.rejected > 0)
    return html`<${Empty} title="No groups are kept of this batch."><p>Its rejected records are in the report: use Download.</p></${Empty}>`;
  if (finishedAt === null)
    return html`<${Empty} title="No error yet." icon="clock"><p>Errors appear here while the batch is checked.</p></${Empty}>`;
  const hasNone = counts.received > 0 && ["completed", "validated"].includes(status);
  return html`<${Empty} title=${hasNone ? "Every record was good." : "No record was rejected."} icon="check"><p>${status === "validated" ? "Nothing is stored until it is committed." : hasNone ? "What was stored is under Records." : "Why the batch ended is said above."}</p></${Empty}>`;
}
