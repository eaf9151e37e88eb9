/** The batch of an imported file: its two bars while it runs, then its result. A reload finds it again. */
import { useEffect, useRef } from "preact/hooks";
import { Equation } from "../batch/equation.js";
import { navigate } from "../state/router.js";
import { Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Section } from "../ui/page.js";
import { State } from "../ui/states.js";
import { AllSent, ProcessedBar } from "./bars.js";
import { cancel, commit, mayCancel, mayCommit } from "./moves.js";
import { Rejected, Verdict } from "./result.js";
import { chosen, forget, meanAgain, repeatedOf } from "./sending.js";
import { useBatch } from "./use-batch.js";

/** @param {{ id: string }} props */
export function BatchOfImport({ id }) {
  const { data: batch, problem, reload, set } = useBatch(id);
  const file = chosen.value?.file.name;
  const isKept = useRef(false);
  // Leaving the page forgets the sent file, unless it is to be sent again.
  useEffect(() => () => (isKept.current ? undefined : forget()), []);
  const again = () => {
    const now = chosen.peek();
    isKept.current = true;
    meanAgain();
    navigate("/import", { dataset: now?.dataset, corrects: now?.corrects }, { replace: true });
  };
  if (problem && !batch)
    return html`<${ErrorBox} problem=${problem} title="This import could not be read." onRetry=${reload} />`;
  if (!batch) return html`<${Loading} label="Loading the import" />`;
  const isOver = batch.finishedAt !== null;
  return html`<div class="stack">
    ${repeatedOf.value === id && html`<${Repeated} onAgain=${again} />`}
    <${Section} title=${file ?? `Batch of ${batch.dataset}`} actions=${html`<${State} of=${batch.status} />`}>
      <div class="stack">
        <${AllSent} batch=${batch} />
        <${ProcessedBar} batch=${batch} />
        <${Verdict} batch=${batch} />
        ${isOver && html`<${Equation} batch=${batch} />`}
        <div class="row">
          ${mayCommit(batch) && html`<button type="button" class="button primary" onClick=${() => commit(batch, set)}>Import ${batch.counts.rejected > 0 ? "the good rows" : "now"}</button>`}
          ${mayCancel(batch) && html`<button type="button" class="button" onClick=${() => cancel(batch, set)}>Stop import</button>`}
          <a class="button" href=${`#/batches/${id}`}>Open the batch</a>
          <a class="button" href="#/import"><${Icon} name="upload" />Import another file</a>
        </div>
      </div>
    </${Section}>
    <${Rejected} batch=${batch} />
  </div>`;
}

/** Says that the same file was sent before, so nothing was imported again. @param {{ onAgain: () => void }} props */
function Repeated({ onAgain }) {
  return html`<div class="bar warn" role="status"><${Icon} name="info" /><span><strong>This file was sent before: nothing was imported twice.</strong> Below is what became of it then.</span>
    ${chosen.value && html`<button type="button" class="button" onClick=${onAgain}>Import it again, really</button>`}</div>`;
}
