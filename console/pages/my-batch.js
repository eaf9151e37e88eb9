/** One batch of a partner: its result, what is wrong, and what to do next. */
import { urlOf } from "../api/client.js";
import { Chain } from "../batch/chain.js";
import { Deliveries } from "../batch/deliveries.js";
import { Equation } from "../batch/equation.js";
import { Errors } from "../batch/errors.js";
import { Facts } from "../batch/facts.js";
import { Records } from "../batch/records.js";
import { AllSent, ProcessedBar } from "../partner/bars.js";
import { cancel, commit, mayCancel, mayCommit, mayCorrect, retryRejected } from "../partner/moves.js";
import { MendWays, TooMany, Verdict } from "../partner/result.js";
import { useBatch } from "../partner/use-batch.js";
import { href } from "../state/router.js";
import { ShortId } from "../ui/copy.js";
import { Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { count } from "../ui/numbers.js";
import { Page, Section } from "../ui/page.js";
import { State } from "../ui/states.js";
import { Tabs } from "../ui/tabs.js";
import { Timeline } from "../ui/timeline.js";

/** @import { Batch, ErrorGroup, PageProps, Query } from "../types.d.ts" */

/** @param {PageProps} props */
export default function MyBatch({ params: { id = "" }, query }) {
  const { data: batch, problem, reload, set } = useBatch(id);
  return html`<${Page} title=${batch ? `Batch of ${batch.dataset}` : "Batch"} crumbs=${[["#/batches", "Batches"]]} badge=${batch && html`<${State} of=${batch.status} />`}
    lead=${html`<${ShortId} id=${id} />`} actions=${batch && html`<${Actions} batch=${batch} set=${set} />`}>
    <${ErrorBox} problem=${problem} title="The batch could not be read." onRetry=${reload} />
    ${!batch && !problem && html`<${Loading} label="Loading the batch" />`}
    ${batch && html`<${Whole} batch=${batch} query=${query} />`}
  </${Page}>`;
}

/** @param {{ batch: Batch, set: (batch: Batch) => void }} props */
function Actions({ batch, set }) {
  const { id, counts } = batch;
  return html`
    ${counts.accepted > 0 && batch.validateOnly !== true && html`<a class="button" href=${urlOf(`/imports/${id}/records`)} download><${Icon} name="download" />Imported rows</a>`}
    ${mayCorrect(batch) && html`<button type="button" class="button" onClick=${() => retryRejected(batch)}><${Icon} name="retry" />Try rejected again</button>`}
    ${mayCancel(batch) && html`<button type="button" class="button" onClick=${() => cancel(batch, set)}><${Icon} name="stop" />Stop import</button>`}
    ${mayCommit(batch) && html`<button type="button" class="button primary" onClick=${() => commit(batch, set)}>Import ${counts.rejected > 0 ? "the good rows" : "now"}</button>`}`;
}

/** @param {{ batch: Batch, query: Query }} props */
function Whole({ batch, query }) {
  const isOver = batch.finishedAt !== null || batch.status === "validated";
  return html`<${Section} title="What became of it">
      <div class="stack">
        ${!isOver && html`<${AllSent} batch=${batch} /><${ProcessedBar} batch=${batch} />`}
        <${Verdict} batch=${batch} />
        <${Equation} batch=${batch} />
        <${Chain} batch=${batch} hrefOf=${hrefOf} />
        <div class="row"><${MendWays} batch=${batch} /></div>
        <${TooMany} batch=${batch} />
      </div>
    </${Section}>
    <div class="batch-columns">
      <div class="card"><${Parts} batch=${batch} query=${query} /></div>
      <div class="stack">
        <${Section} title="What happened"><${Timeline} label="What happened" entries=${entriesOf(batch)} /></${Section}>
        <${Section} title="Details"><${Facts} batch=${batch} /></${Section}>
      </div>
    </div>`;
}

/** @param {string} id */
const hrefOf = (id) => href(`/batches/${id}`);

/** @param {{ batch: Batch, query: Query }} props */
function Parts({ batch, query }) {
  const { id, counts, validateOnly } = batch;
  const base = `/imports/${id}`;
  const groupHref = (/** @type {ErrorGroup} */ { field, code }) => href(`/batches/${id}`, { field, code });
  return html`<${Tabs} label="Parts of the batch" tabs=${[
    {
      name: "errors",
      title: "What is wrong",
      more: count(counts.rejected),
      render: () => html`<${Errors} base=${base} batch=${batch} query=${query} hrefOf=${groupHref} />`,
    },
    {
      name: "records",
      title: "Imported rows",
      more: validateOnly ? undefined : count(counts.accepted),
      render: () => html`<${Records} base=${base} batch=${batch} />`,
    },
    {
      name: "deliveries",
      title: "Deliveries",
      render: () =>
        html`<${Deliveries} path="/deliveries" batchId=${id} hrefOf=${(/** @type {{ id: string }} */ one) => href(`/deliveries/${one.id}`)} />`,
    },
  ]} />`;
}

/**
 * The entries of a partner's timeline. Only operators may read the history, so the entries come from the batch's times.
 * @param {Batch} batch
 * @returns {import("../ui/timeline.js").Entry[]}
 */
function entriesOf({ createdAt, startedAt, finishedAt, status, validateOnly }) {
  const began = startedAt
    ? [{ at: startedAt, what: validateOnly ? "Its check began" : "Its import began", icon: "play" }]
    : [];
  const end = finishedAt
    ? [{ at: finishedAt, what: html`Ended: <${State} of=${status} />`, icon: "check" }]
    : [{ at: null, what: "Its end", icon: "clock" }];
  return [{ at: createdAt, what: "Your file came", icon: "upload" }, ...began, ...end];
}
