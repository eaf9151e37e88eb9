/** The import page: choose a file, see how it will be read, check or import it, and see the result. */
import { useEffect } from "preact/hooks";
import { SentBar } from "../partner/bars.js";
import { BatchOfImport } from "../partner/batch-of-import.js";
import { DropZone } from "../partner/drop-zone.js";
import { Options } from "../partner/options.js";
import { Preview } from "../partner/preview.js";
import {
  cancelSending,
  change,
  choose,
  chosen,
  forget,
  look,
  lookAt,
  meanAgain,
  OWN,
  refusal,
  send,
  sending,
} from "../partner/sending.js";
import { useQuery } from "../state/live.js";
import { navigate, setQuery } from "../state/router.js";
import { ShortId } from "../ui/copy.js";
import { ErrorBox, useIsOver } from "../ui/error-box.js";
import { fieldOf } from "../ui/fields.js";
import { html } from "../ui/html.js";
import { Page, Section } from "../ui/page.js";

/** @import { Found } from "../state/live.js" */
/** @import { Batch, Listed, OwnDatasetItem, PageProps } from "../types.d.ts" */

/** How many of the last batches are searched for a dataset that the partner still has. */
const LOOKED_AT = 20;

/** The dataset of the partner's last batch; `default` without one. @param {OwnDatasetItem[]} items those that it has */
function useLastUsed(items) {
  const found = /** @type {Found<Listed<Batch>>} */ (useQuery("/imports", { query: { limit: LOOKED_AT } }));
  const batches = found.data?.items ?? [];
  return batches.find(({ dataset }) => items.some(({ name }) => name === dataset))?.dataset ?? OWN;
}

/** @param {PageProps} props */
export default function Import({ query }) {
  const { batch, corrects = "", dataset: wanted } = query;
  const datasets = useQuery("/datasets");
  /** @type {OwnDatasetItem[]} */
  const items = datasets.data?.items ?? [];
  const lastUsed = useLastUsed(items);
  const dataset = wanted ?? chosen.value?.dataset ?? lastUsed;
  useEffect(() => {
    const now = chosen.peek();
    // Once the file is sent, the address names only its batch. The chosen dataset must then stay.
    if (!batch && now && (now.dataset !== dataset || now.corrects !== corrects)) change({ dataset, corrects });
  }, [dataset, corrects]);

  if (batch)
    return html`<${Page} title="Import" lead=${html`Batch <${ShortId} id=${batch} href=${`#/batches/${batch}`} />`}>
      <${BatchOfImport} key=${batch} id=${batch} />
    </${Page}>`;

  const start = async (/** @type {boolean} */ isCheck) => {
    const made = await send({ isCheck });
    // The address names the batch, so that a reload finds it again.
    if (made) setQuery({ batch: made.id, dataset: null, corrects: null }, { replace: true });
  };
  const startAgain = () => {
    meanAgain();
    start(false);
  };
  const lead = corrects
    ? html`Send the mended rows of batch <${ShortId} id=${corrects} href=${`#/batches/${corrects}`} /> back.`
    : "Choose a file. You see how it will be read before anything is imported.";
  return html`<${Page} title="Import" lead=${lead}>
    <${ErrorBox} problem=${datasets.problem} title="Your datasets could not be read." onRetry=${datasets.reload} />
    <${Section} title="1. Your file">
      <div class="stack">
        ${
          items.length > 1 &&
          html`<label class="field narrow"><span>What is it?</span>
          <select value=${dataset} disabled=${sending.value !== null || corrects !== ""} onChange=${(/** @type {Event} */ event) => setQuery({ dataset: fieldOf(event).value }, { replace: true })}>
            ${items.map(({ name }) => html`<option key=${name} value=${name}>${name === OWN ? "other data (no dataset)" : name}</option>`)}
          </select>
          <span class="help">${items.find(({ name }) => name === dataset)?.description ?? ""} <a href=${`#/datasets?name=${encodeURIComponent(dataset)}`}>What the file must look like, and a template</a></span></label>`
        }
        <${DropZone} formats=${items.find(({ name }) => name === dataset)?.formats ?? []} onFile=${(/** @type {File} */ file) => choose(file, { dataset, corrects })} />
        <${Options} />
      </div>
    </${Section}>
    ${chosen.value && html`<${Chosen} onStart=${start} onAgain=${startAgain} />`}
  </${Page}>`;
}

/** @param {{ onStart: (isCheck: boolean) => void, onAgain: () => void }} props */
function Chosen({ onStart, onAgain }) {
  const now = sending.value;
  const isOver = useIsOver(refusal.value);
  const { found, problem, isLoading } = look.value;
  const isReady = now === null && !isLoading && problem === null && isOver && chosen.value?.file.size !== 0;
  const isGood = found?.counts.rejected === 0;
  return html`
    ${!now && html`<section class="stack" aria-label="How it will be read"><h2>2. How it will be read</h2><${Preview} look=${look.value} onRetry=${lookAt} /></section>`}
    <${Section} title=${now ? (now.isCheck ? "Checking" : "Importing") : "3. Import"}>
      <div class="stack">
        <${Refused} onAgain=${onAgain} />
        ${
          now
            ? html`<${SentBar} now=${now} />
              <p class="quiet">Keep this page open until the file is sent.</p>
              <div class="row"><button type="button" class="button" onClick=${cancelSending}>Cancel</button></div>`
            : html`<div class="row">
              <button type="button" class=${`button ${isGood ? "primary" : ""}`} disabled=${!isReady} onClick=${() => onStart(false)}>Import</button>
              <button type="button" class=${`button ${isGood ? "" : "primary"}`} disabled=${!isReady} onClick=${() => onStart(true)}>Check first</button>
              <button type="button" class="link" onClick=${forget}>Take another file</button>
            </div>
            <p class="quiet"><b>Import</b> takes all good rows; rejected ones can be mended afterwards. <b>Check first</b> looks at the whole file and imports nothing until you say so.</p>`
        }
      </div>
    </${Section}>`;
}

/** @param {{ onAgain: () => void }} props */
function Refused({ onAgain }) {
  const problem = refusal.value;
  if (!problem) return null;
  const before = problem.code === "duplicate-batch" ? String(problem.body.batchId) : null;
  const isOther = problem.code === "idempotency-key-reused";
  return html`<div class="stack">
    <${ErrorBox} problem=${problem} title=${before ? "This file was imported before. Nothing was imported twice." : "The file was not imported."} />
    ${before && html`<div class="row"><button type="button" class="button" onClick=${() => navigate(`/batches/${before}`)}>See that import</button></div>`}
    ${isOther && html`<div class="row"><button type="button" class="button" onClick=${onAgain}>It is another file: import it</button></div>`}
  </div>`;
}
