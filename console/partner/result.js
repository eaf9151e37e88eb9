/** The result of a batch in words, and what to do next. The import page and the page of a batch show it. */
import { urlOf } from "../api/client.js";
import { useQuery } from "../state/live.js";
import { href } from "../state/router.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { count, plural } from "../ui/numbers.js";
import { Section } from "../ui/page.js";
import { Groups } from "./groups.js";
import { leftOf, mayCorrect } from "./moves.js";

/** @import { Batch } from "../types.d.ts" */

/** The most rows that can be corrected in the page at once. */
export const MOST_MENDED = 500;

/** @param {Batch} batch @returns {[tone: string, icon: string, title: string, next: string]} */
export function verdictOf(batch) {
  const { status, counts } = batch;
  const { accepted, rejected } = counts;
  const left = leftOf(batch);
  switch (status) {
    case "validated":
      return rejected === 0
        ? ["good", "check", `Checked: all ${plural(accepted, "row")} can be imported.`, "Nothing is imported yet."]
        : [
            "warn",
            "warning",
            `Checked: ${plural(accepted, "row")} can be imported, ${count(rejected)} would be rejected.`,
            "Nothing is imported yet. Mend your file and choose it again, or import the good rows now.",
          ];
    case "completed":
      return [
        "good",
        "check",
        `Done. ${plural(accepted, "row")} ${accepted === 1 ? "is" : "are"} imported.`,
        dupes(batch),
      ];
    case "completed_with_errors":
      return left === 0
        ? ["good", "check", "Done. All rejected rows are mended by now.", dupes(batch)]
        : [
            "warn",
            "warning",
            `${plural(accepted, "row")} ${accepted === 1 ? "is" : "are"} imported, ${left < rejected ? `${plural(left, "rejected row")} ${left === 1 ? "is" : "are"} left to mend` : `${count(left)} ${left === 1 ? "is" : "are"} rejected`}.`,
            "Mend the rejected rows here, or download them, mend them and send them back. The imported rows stay as they are.",
          ];
    case "failed":
      return [
        "bad",
        "error",
        "The import has failed.",
        accepted > 0 ? `${plural(accepted, "row")} were imported before.` : "Nothing was imported.",
      ];
    case "rejected":
      return ["bad", "cross", "The file was not accepted.", "Nothing was imported."];
    case "cancelled":
      return [
        "calm",
        "stop",
        "The import was stopped.",
        accepted > 0 ? `${plural(accepted, "row")} were imported before.` : "Nothing was imported.",
      ];
    case "held":
      return ["warn", "pause", heldWhy(batch), "You need to do nothing: it goes on by itself then."];
    case "undoing":
    case "undone":
      return [
        "calm",
        "undo",
        status === "undone" ? "This import was taken back." : "This import is being taken back.",
        "Its rows are removed again.",
      ];
    default:
      return ["busy", "clock", "The import runs.", "You may close this page: it goes on without it."];
  }
}

/** @param {Batch} batch */
const dupes = ({ counts: { duplicate } }) =>
  duplicate > 0 ? `${plural(duplicate, "row")} came before and ${duplicate === 1 ? "was" : "were"} left out.` : "";

/** @param {Batch} batch */
function heldWhy({ hold }) {
  if (hold?.reason === "approval") return "It waits until somebody has looked at it and approves it.";
  if (hold?.reason === "window")
    return `It waits for its time of the day${hold.until ? `: ${new Date(hold.until).toLocaleString()}` : ""}.`;
  return "It waits for the import before it to end.";
}

/** @param {{ batch: Batch }} props */
export function Verdict({ batch }) {
  const [tone, icon, title, next] = verdictOf(batch);
  return html`<div class=${`bar ${tone}`} role="status"><${Icon} name=${icon} /><span><strong>${title}</strong>${next && html` ${next}`}
    ${batch.error && html`<br />${batch.error.detail} <span class="quiet">(${batch.error.code})</span>`}</span></div>`;
}

/** The ways to correct the rejected rows. @param {{ batch: Batch }} props */
export function MendWays({ batch }) {
  const { id, dataset, counts } = batch;
  const left = leftOf(batch);
  const isOpen = mayCorrect(batch);
  if (counts.rejected === 0) return null;
  return html`
    <a class="button small" href=${urlOf(`/imports/${id}/rejected`)} download><${Icon} name="download" />Download rejected rows</a>
    ${isOpen && html`<a class="button small" href=${href("/import", { dataset, corrects: id })}><${Icon} name="upload" />Send the mended file</a>`}
    ${isOpen && left <= MOST_MENDED && html`<a class="button small primary" href=${href(`/batches/${id}/mend`)}>Mend ${left === 1 ? "it" : "them"} here</a>`}`;
}

/** Shown if there are more rows than the page can correct. @param {{ batch: Batch }} props */
export function TooMany({ batch }) {
  const left = leftOf(batch);
  if (!mayCorrect(batch) || left <= MOST_MENDED) return null;
  return html`<p class="quiet">Up to ${count(MOST_MENDED)} rows can be mended in this page. For ${count(left)}, download the file, mend it, and send it back.</p>`;
}

/** The rejected rows in groups, and the ways to correct them. @param {{ batch: Batch }} props */
export function Rejected({ batch }) {
  const { id, counts } = batch;
  const found = useQuery(counts.rejected > 0 ? `/imports/${id}/errors/summary` : null, {
    topics: batch.finishedAt === null ? [`batch:${id}`] : [],
    everyMs: 3_000,
  });
  if (counts.rejected === 0) return null;
  return html`<${Section} title=${`${plural(counts.rejected, "rejected row")}: what is wrong`} actions=${html`<${MendWays} batch=${batch} />`}>
    <${ErrorBox} problem=${found.problem} title="What is wrong could not be read." onRetry=${found.reload} />
    ${found.data && html`<${Groups} faults=${found.data} />`}
    <${TooMany} batch=${batch} />
  </${Section}>`;
}
