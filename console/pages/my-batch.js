/** One batch of a partner: what became of it, what is wrong, and what to do next. */
import { urlOf } from "../api/client.js";
import { AllSent, ProcessedBar } from "../partner/bars.js";
import { cancel, commit, mayCancel, mayCommit, mayCorrect, retryRejected } from "../partner/moves.js";
import { Rejected, Sum, Verdict } from "../partner/result.js";
import { useBatch } from "../partner/use-batch.js";
import { Copy, ShortId } from "../ui/copy.js";
import { Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { bytes } from "../ui/numbers.js";
import { Page, Section } from "../ui/page.js";
import { State } from "../ui/states.js";
import { Time } from "../ui/time.js";
import { Timeline } from "../ui/timeline.js";

/** @import { Batch, PageProps } from "../types.d.ts" */

/** @param {PageProps} props */
export default function MyBatch({ params: { id = "" } }) {
  const { data: batch, problem, reload, set } = useBatch(id);
  return html`<${Page} title=${batch ? `Batch of ${batch.dataset}` : "Batch"} crumbs=${[["#/batches", "Batches"]]} badge=${batch && html`<${State} of=${batch.status} />`}
    lead=${html`<${ShortId} id=${id} />`} actions=${batch && html`<${Actions} batch=${batch} set=${set} />`}>
    <${ErrorBox} problem=${problem} title="The batch could not be read." onRetry=${reload} />
    ${!batch && !problem && html`<${Loading} label="Loading the batch" />`}
    ${batch && html`<${Whole} batch=${batch} />`}
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

/** @param {{ batch: Batch }} props */
function Whole({ batch }) {
  const isOver = batch.finishedAt !== null || batch.status === "validated";
  return html`<div class="stack">
    <${Section} title="What became of it">
      <div class="stack">
        ${!isOver && html`<${AllSent} batch=${batch} /><${ProcessedBar} batch=${batch} />`}
        <${Verdict} batch=${batch} />
        <${Sum} batch=${batch} />
      </div>
    </${Section}>
    <${Rejected} batch=${batch} />
    <div class="columns">
      <${Section} title="When"><${Timeline} label="What happened when" entries=${entriesOf(batch)} /></${Section}>
      <${Section} title="Details"><${Facts} batch=${batch} /></${Section}>
    </div>
  </div>`;
}

/** @param {Batch} batch @returns {import("../ui/timeline.js").Entry[]} */
function entriesOf({ createdAt, startedAt, finishedAt, status, validateOnly }) {
  const began = startedAt
    ? [{ at: startedAt, what: validateOnly ? "Its check began" : "Its import began", icon: "play" }]
    : [];
  const end = finishedAt
    ? [{ at: finishedAt, what: html`Ended: <${State} of=${status} />`, icon: "check" }]
    : [{ at: null, what: "Its end", icon: "clock" }];
  return [{ at: createdAt, what: "Your file came", icon: "upload" }, ...began, ...end];
}

/** @param {{ batch: Batch }} props */
function Facts({ batch: { format, bytes: size, checksum, requestId, corrects, retryOf, attempts, createdAt } }) {
  const first = corrects ?? retryOf;
  return html`<dl class="facts">
    ${first && html`<dt>Mends</dt><dd><${ShortId} id=${first} href=${`#/batches/${first}`} /></dd>`}
    <dt>Sent</dt><dd><${Time} at=${createdAt} isExact /></dd>
    <dt>File</dt><dd>${format.toUpperCase()}, ${bytes(size)}</dd>
    ${attempts > 1 && html`<dt>Attempts</dt><dd>${attempts}</dd>`}
    ${checksum && html`<dt>Checksum</dt><dd class="mono">${checksum} <${Copy} text=${checksum} what="checksum" /></dd>`}
    ${requestId && html`<dt>Request</dt><dd><${ShortId} id=${requestId} what="request id" /></dd>`}
  </dl>`;
}
