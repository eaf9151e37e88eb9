/** A partner's first page: running imports, what the partner has to do, and how much of the limits is used. */
import { batchColumns } from "../partner/batch-columns.js";
import { LimitBars } from "../partner/limits.js";
import { leftOf } from "../partner/moves.js";
import { WebhookHealth } from "../partner/webhook-health.js";
import { useList } from "../state/list.js";
import { useQuery } from "../state/live.js";
import { Empty } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { count, percent, plural } from "../ui/numbers.js";
import { Page, Section } from "../ui/page.js";
import { Shares } from "../ui/progress.js";
import { Table } from "../ui/table.js";

/** @import { Account, Batch, Usage } from "../types.d.ts" */
/** @import { Found } from "../state/live.js" */

const SHOWN = 10;
/** The share of rejected rows is computed from this many batches. */
const LOOKED_AT = 50;

export default function Home() {
  const list = useList("/imports", { query: { limit: LOOKED_AT }, topics: ["batches"] });
  /** @type {Batch[]} */
  const items = list.items;
  const isNew = !list.isLoading && !list.problem && items.length === 0;
  const upload = html`<a class="button primary" href="#/import"><${Icon} name="upload" />Import a file</a>`;
  return html`<${Page} title="Home" actions=${!isNew && upload}>
    ${
      isNew
        ? html`<${FirstSteps} />`
        : html`<${Verdict} items=${items} />
        <${Section} title="Your latest batches" actions=${html`<a href="#/batches">All batches</a>`}>
          <${Table} caption="Your latest batches" columns=${batchColumns} list=${{ ...list, items: items.slice(0, SHOWN), hasMore: false }} hrefOf=${(/** @type {Batch} */ { id }) => `#/batches/${id}`} />
        </${Section}>`
    }
    <div class="columns">
      ${items.length > 0 && html`<${RejectedShare} items=${items} />`}
      <${Limits} />
      <${Webhook} />
    </div>
  </${Page}>`;
}

/** One sentence that says what the partner has to do. @param {{ items: Batch[] }} props */
function Verdict({ items }) {
  if (items.length === 0) return null;
  const open = items.filter((batch) => batch.status === "completed_with_errors" && leftOf(batch) > 0);
  const checked = items.filter(({ status }) => status === "validated");
  const failed = items.filter(({ status }) => status === "failed").length;
  const running = items.filter(({ status }) => ["received", "ready", "processing"].includes(status)).length;
  const [first] = open;
  if (first)
    return html`<p class="bar warn" role="status"><${Icon} name="warning" /><span><strong>${plural(open.length, "batch has", "batches have")} rejected rows that nobody has mended.</strong>
      ${failed > 0 ? ` ${plural(failed, "batch", "batches")} failed.` : ""}</span><a class="button" href=${`#/batches/${first.id}`}>Look at the newest</a></p>`;
  if (failed > 0)
    return html`<p class="bar bad" role="status"><${Icon} name="error" /><span><strong>${plural(failed, "batch has", "batches have")} failed.</strong></span><a class="button" href="#/batches?status=failed">Look at ${failed === 1 ? "it" : "them"}</a></p>`;
  if (checked[0])
    return html`<p class="bar warn" role="status"><${Icon} name="info" /><span><strong>A checked file is not imported yet.</strong></span><a class="button" href=${`#/batches/${checked[0].id}`}>Import it or leave it</a></p>`;
  return html`<p class="bar good" role="status"><${Icon} name="check" /><span><strong>All is well.</strong> ${running > 0 ? `${plural(running, "batch is", "batches are")} under way.` : "Nothing needs you."}</span></p>`;
}

function FirstSteps() {
  return html`<section class="card" aria-label="First steps">
    <${Empty} title="Welcome. You have sent nothing yet." icon="upload">
      <ol class="steps">
        <li><a href="#/datasets">Look at what your file must be like</a>, and download a template.</li>
        <li><a href="#/import">Import a file</a>. “Check first” shows what is wrong with it and imports nothing.</li>
        <li>Programs send files by the API: <a href="#/developers">commands to copy</a>.</li>
      </ol>
      <p><a class="button primary" href="#/import"><${Icon} name="upload" />Import your first file</a></p>
    </${Empty}>
  </section>`;
}

/** @param {{ items: Batch[] }} props */
function RejectedShare({ items }) {
  const sum = (/** @type {(batch: Batch) => number} */ of) => items.reduce((all, batch) => all + of(batch), 0);
  const received = sum(({ counts }) => counts.received);
  const rejected = sum(({ counts }) => counts.rejected);
  const left = sum((batch) => leftOf(batch));
  return html`<${Section} title="Rejected rows" actions=${html`<a href="#/batches?hasErrors=true">Which</a>`}>
    <p class="big">${percent(rejected, received)}</p>
    <${Shares} label="Rows" parts=${[
      { name: "good", value: received - rejected, tone: "good" },
      { name: "rejected", value: rejected, tone: "bad" },
    ]} all=${received} />
    <p class="quiet note">${count(rejected)} of ${plural(received, "row")} in your last ${plural(items.length, "batch", "batches")}${rejected > left ? `; ${count(rejected - left)} of them are mended` : ""}.</p>
  </${Section}>`;
}

function Limits() {
  const found = /** @type {Found<Usage>} */ (useQuery("/usage", { topics: ["batches"], everyMs: 10_000 }));
  return html`<${Section} title="Your limits">
    <${ErrorBox} problem=${found.problem} title="Your limits could not be read." onRetry=${found.reload} />
    ${found.data && html`<${LimitBars} usage=${found.data} />`}
  </${Section}>`;
}

function Webhook() {
  const found = /** @type {Found<Account>} */ (useQuery("/account"));
  return found.data && html`<${WebhookHealth} account=${found.data} />`;
}
