/** The counts of a batch as an equation. If the sum is wrong, that is a defect, and the page says so. */
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { count } from "../ui/numbers.js";
import { Shares } from "../ui/progress.js";

/** @import { Batch } from "../types.d.ts" */

const ended = ["completed", "completed_with_errors", "validated", "undoing", "undone"];

/** What has become of the accepted records. @param {Batch} batch */
function acceptedWord({ status, validateOnly }) {
  if (status === "undone") return "taken back";
  return validateOnly || status === "validated" ? "good" : "stored";
}

/**
 * The parts of the batch, in the order of the bar. Records that are not processed yet are the last part.
 * @param {Batch} batch
 * @returns {{ name: string, value: number, tone: string }[]}
 */
export function partsOf(batch) {
  const { received, accepted, rejected, duplicate } = batch.counts;
  const left = received - accepted - rejected - duplicate;
  const parts = [
    { name: acceptedWord(batch), value: accepted, tone: batch.status === "undone" ? "calm" : "good" },
    { name: "rejected", value: rejected, tone: "bad" },
    { name: duplicate === 1 ? "duplicate" : "duplicates", value: duplicate, tone: "wait" },
  ];
  return left > 0 ? [...parts, { name: "not done", value: left, tone: "none" }] : parts;
}

/** Counts of the rows that were written into a table of the company. @param {{ counts: Batch["counts"] }} props */
function Rows({ counts }) {
  const { created, updated = 0, deleted = 0, corrected } = counts;
  const parts = [
    created !== undefined && `${count(created)} rows created, ${count(updated)} updated, ${count(deleted)} deleted`,
    corrected !== undefined && `${count(corrected)} corrected`,
  ].filter(Boolean);
  return parts.length > 0 && html`<span class="quiet">${parts.join(" · ")}</span>`;
}

/** @param {{ batch: Batch }} props */
export function Equation({ batch }) {
  const { status, counts } = batch;
  const parts = partsOf(batch);
  const sum = parts.reduce((all, { value }) => all + value, 0);
  const isWrong = sum !== counts.received || (ended.includes(status) && parts.some(({ tone }) => tone === "none"));
  return html`<div class="equation-box">
    <p class="equation">
      <span><b>${count(counts.received)}</b> received</span>
      <span class="sign">${isWrong ? "≠" : "="}</span>
      ${parts.map(
        ({ name, value, tone }, index) =>
          html`${index > 0 && html`<span class="sign">+</span>`}<span class=${value > 0 ? `term ${tone}` : "quiet"}><b>${count(value)}</b> ${name}</span>`,
      )}
    </p>
    <${Shares} label="Records" parts=${parts} all=${Math.max(counts.received, sum)} />
    <${Rows} counts=${counts} />
    ${
      isWrong &&
      html`<p class="bar bad"><${Icon} name="error" /><span><strong>These figures do not add up.</strong> This is a defect of DataFlow: tell its makers, with the id of the batch.</span></p>`
    }
  </div>`;
}
