/** A grid in which a partner corrects the rejected rows of a batch. The changed rows are sent as a correction. */
import { useEffect, useState } from "preact/hooks";
import { connection } from "../api/client.js";
import { asProblem } from "../api/problem.js";
import { MendGrid } from "../partner/mend-grid.js";
import { draftOf, faultsOf, sendMended, sentOf } from "../partner/mending.js";
import { gridOf } from "../partner/rejected-rows.js";
import { MOST_MENDED } from "../partner/result.js";
import { useBatch } from "../partner/use-batch.js";
import { navigate } from "../state/router.js";
import { Empty, Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { count, plural } from "../ui/numbers.js";
import { Page } from "../ui/page.js";
import { toast } from "../ui/toast.js";

/** @import { ApiProblem } from "../api/problem.js" */
/** @import { Batch, PageProps } from "../types.d.ts" */
/** @import { Grid } from "../partner/rejected-rows.js" */

const AT_ONCE = 50;

/** @param {PageProps} props */
export default function Mend({ params: { id = "" } }) {
  const { data: batch, problem, reload } = useBatch(id);
  const crumbs = [
    ["#/batches", "Batches"],
    [`#/batches/${id}`, "Batch"],
  ];
  return html`<${Page} title="Mend rejected rows" crumbs=${crumbs}
    lead="Change what is marked. Only the rows that you change are sent; the imported rows stay as they are.">
    <${ErrorBox} problem=${problem} title="The batch could not be read." onRetry=${reload} />
    ${batch && (batch.counts.rejected > MOST_MENDED ? html`<${TooMany} batch=${batch} />` : html`<${Rows} batch=${batch} />`)}
    ${!batch && !problem && html`<${Loading} label="Loading the batch" />`}
  </${Page}>`;
}

/** @param {{ batch: Batch }} props */
const TooMany = ({ batch: { id, counts } }) =>
  html`<${Empty} title=${`${count(counts.rejected)} rows are too many to mend here.`} icon="batches">
    <p>Download them from <a href=${`#/batches/${id}`}>the batch</a>, mend the file, and send it back. Up to ${count(MOST_MENDED)} rows can be mended here.</p></${Empty}>`;

/** @param {{ batch: Batch }} props */
function Rows({ batch }) {
  const { id } = batch;
  const [grid, setGrid] = useState(/** @type {Grid | null} */ (null));
  const [problem, setProblem] = useState(/** @type {ApiProblem | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const [from, setFrom] = useState(0);
  const [isAll, setAll] = useState(true);
  const draft = draftOf(id);
  const read = () => {
    setProblem(null);
    gridOf(batch, sentOf(id)).then(setGrid, (error) => setProblem(asProblem(error)));
  };
  useEffect(read, [id]);
  if (!grid && problem)
    return html`<${ErrorBox} problem=${problem} title="The rejected rows could not be read." onRetry=${read} />`;
  if (!grid) return html`<${Loading} label="Loading the rejected rows" />`;
  if (grid.rows.length === 0)
    return html`<${Empty} title="There is nothing to mend." icon="check"><p><a href=${`#/batches/${id}`}>Back to the batch</a></p></${Empty}>`;
  const wrong = faultsOf(grid, draft.value);
  const changed = draft.value.size;
  const faulty = grid.fields.filter((field) => grid.rows.some(({ faults }) => faults.has(field)));
  const shown = grid.rows.slice(from, from + AT_ONCE);
  const mayBeSent = changed > 0 && wrong.size === 0 && !isBusy && !connection.value.isAway;
  const submit = async () => {
    setBusy(true);
    setProblem(null);
    try {
      const made = await sendMended(id, grid);
      toast(`${plural(changed, "mended row")} ${changed === 1 ? "is" : "are"} sent.`);
      navigate(`/batches/${made.id}`);
    } catch (error) {
      setProblem(asProblem(error));
      setBusy(false);
    }
  };
  const last = Math.min(from + AT_ONCE, grid.rows.length);
  return html`<div class="stack">
    <${ErrorBox} problem=${problem} title="The rows were not sent." />
    <div class="mend-bar card" role="group" aria-label="Send">
      <span role="status"><b>${count(changed)}</b> of ${plural(grid.rows.length, "row")} changed${wrong.size > 0 ? html`, <span class="bad">${plural(wrong.size, "cell")} still wrong</span>` : ""}</span>
      <label class="check"><input type="checkbox" checked=${!isAll} onChange=${() => setAll(!isAll)} />Only columns with faults</label>
      <button type="button" class="button primary" disabled=${!mayBeSent} aria-busy=${isBusy} onClick=${submit}>Send ${changed === 0 ? "mended rows" : plural(changed, "mended row")}</button>
    </div>
    ${
      (batch.counts.corrected ?? 0) > 0 &&
      html`<p class="bar calm"><${Icon} name="info" /><span>${plural(batch.counts.corrected ?? 0, "row")} ${batch.counts.corrected === 1 ? "is" : "are"} mended already; ${batch.counts.corrected === 1 ? "it says" : "they say"} so below. Nothing is imported twice.</span></p>`
    }
    <p class="quiet">Keys: <kbd>↓</kbd> <kbd>↑</kbd> or <kbd>Enter</kbd> the next row, <kbd>Tab</kbd> the next cell, <kbd>Esc</kbd> takes a change back, <kbd>Ctrl</kbd>+<kbd>D</kbd> puts it into all rows that have the same wrong value.</p>
    <div class="card"><${MendGrid} grid=${grid} draft=${draft} wrong=${wrong} rows=${shown} fields=${isAll ? grid.fields : faulty} label="Rejected rows" /></div>
    ${
      grid.rows.length > AT_ONCE &&
      html`<div class="row"><button type="button" class="button small" disabled=${from === 0} onClick=${() => setFrom(Math.max(0, from - AT_ONCE))}>Rows before</button>
      <span>${count(from + 1)}–${count(last)} of ${count(grid.rows.length)}</span>
      <button type="button" class="button small" disabled=${last >= grid.rows.length} onClick=${() => setFrom(from + AT_ONCE)}>Next rows</button></div>`
    }
  </div>`;
}
