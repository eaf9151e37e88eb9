/** The list of batches: its columns, which of them are shown, and its filters. */
import { get } from "../api/client.js";
import { href } from "../state/router.js";
import { taste } from "../state/settings.js";
import { ShortId } from "../ui/copy.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { bytes, count, percent } from "../ui/numbers.js";
import { Shares } from "../ui/progress.js";
import { State, wordOf } from "../ui/states.js";
import { exact, Time, Took } from "../ui/time.js";
import { partsOf } from "./equation.js";

/** @import { ListedBatch } from "../types.d.ts" */
/** @import { Column } from "../ui/table.js" */
/** @import { Filter } from "../ui/filter-bar.js" */

/** In the order of a batch's way. */
export const listedStates = /** @type {const} */ ([
  "received",
  "held",
  "ready",
  "processing",
  "completed",
  "completed_with_errors",
  "failed",
  "rejected",
  "cancelled",
  "validated",
  "undoing",
  "undone",
]);

/** @param {ListedBatch} batch */
function progressView(batch) {
  const { counts, status, progress } = batch;
  const { received, rejected, duplicate } = counts;
  if (status === "processing")
    return html`<span class="in-work"><progress max="1" value=${progress} aria-label="Progress"></progress><span>${percent(progress, 1)} of ${count(received)}</span></span>`;
  const rest = [rejected > 0 && `${count(rejected)} rejected`, duplicate > 0 && `${count(duplicate)} dup.`].filter(
    Boolean,
  );
  return html`<span class="outcome"><${Shares} label="Records" parts=${partsOf(batch)} all=${received} /><span>${count(received)}${rest.length > 0 && html` <span class="quiet">· ${rest.join(" · ")}</span>`}</span></span>`;
}

/** @param {ListedBatch} batch */
function waitsView({ waits, waitsUntil, status, error, lastAttempt }) {
  if (waits)
    return html`<span>${waits}${waitsUntil && html` <span class="quiet">(<${Time} at=${waitsUntil} />)</span>`}</span>`;
  if (["failed", "rejected"].includes(status) && error)
    return html`<span class="tone bad" title=${lastAttempt?.detail ?? ""}>${lastAttempt && status === "failed" ? lastAttempt.detail : error.detail}</span>`;
  return html`<span class="quiet">–</span>`;
}

/** @type {(Column<ListedBatch> & { label: string })[]} */
const allColumns = [
  { key: "status", label: "State", title: "State", render: ({ status }) => html`<${State} of=${status} />` },
  {
    key: "id",
    label: "Batch",
    title: "Batch",
    render: ({ id }) => html`<${ShortId} id=${id} href=${href(`/batches/${id}`)} />`,
  },
  {
    key: "client",
    label: "Client",
    title: "Client",
    render: ({ client }) =>
      client
        ? html`<span title=${client.name}>${client.clientIdentifier}</span>`
        : html`<span class="quiet">gone</span>`,
  },
  { key: "dataset", label: "Dataset", title: "Dataset", hides: "last", render: ({ dataset }) => dataset },
  { key: "format", label: "Format", title: "Format", hides: "first", render: ({ format }) => format },
  { key: "records", label: "Records", title: "Records", hides: "last", render: progressView },
  { key: "size", label: "Size", title: "Size", align: "right", hides: "first", render: (batch) => bytes(batch.bytes) },
  {
    key: "attempts",
    label: "Attempts",
    title: "Tries",
    align: "right",
    hides: "first",
    render: ({ attempts }) => count(attempts),
  },
  {
    key: "created",
    label: "Created",
    title: "Created",
    sort: "oldest",
    render: ({ createdAt }) => html`<${Time} at=${createdAt} />`,
  },
  {
    key: "took",
    label: "Took",
    title: "Took",
    align: "right",
    hides: "first",
    render: ({ createdAt, startedAt, finishedAt }) =>
      startedAt ? html`<${Took} from=${createdAt} to=${finishedAt} />` : html`<span class="quiet">–</span>`,
  },
  { key: "waits", label: "Waits for", title: "Waits for, or why", isWide: true, hides: "last", render: waitsView },
];

const hidden = taste("batches:hidden", /** @type {string[]} */ (["format"]));

export const columnsShown = () => allColumns.filter(({ key }) => !hidden.value.includes(key));

/** The menu that chooses the columns. The browser remembers the choice. */
export function ColumnMenu() {
  const flip = (/** @type {string} */ key) => {
    const now = hidden.peek();
    hidden.value = now.includes(key) ? now.filter((one) => one !== key) : [...now, key];
  };
  return html`<details class="menu">
    <summary class="button small"><${Icon} name="dots" />Columns</summary>
    <div class="menu-list right">
      ${allColumns
        .filter(({ key }) => key !== "status" && key !== "id")
        .map(
          ({ key, label }) =>
            html`<label key=${key} class="menu-check"><input type="checkbox" checked=${!hidden.value.includes(key)} onChange=${() => flip(key)} />${label}</label>`,
        )}
    </div>
  </details>`;
}

/** @param {string} text @param {AbortSignal} signal */
async function clientsLike(text, signal) {
  const { items } = await get("/admin/clients", { q: text, limit: 10 }, { signal });
  return items.map((/** @type {{ clientIdentifier: string, name: string }} */ { clientIdentifier, name }) => ({
    value: clientIdentifier,
    label: name,
  }));
}

const HOUR_MS = 3_600_000;
/** @type {[label: string, ms: number][]} */
const spans = [
  ["Last hour", HOUR_MS],
  ["Last 24 h", 24 * HOUR_MS],
  ["Last 7 days", 7 * 24 * HOUR_MS],
  ["Last 30 days", 30 * 24 * HOUR_MS],
];
const ago = spans.map(([label, ms]) => ({ label, value: () => new Date(Date.now() - ms).toISOString() }));
const midnight = { label: "Today", value: () => new Date(new Date().setHours(0, 0, 0, 0)).toISOString() };
const now = { label: "Now", value: () => new Date().toISOString() };

/** @type {Filter[]} */
export const filters = [
  {
    name: "status",
    label: "State",
    kind: "choice",
    isSeveral: true,
    options: listedStates.map((value) => ({ value, label: wordOf(value) })),
  },
  { name: "client", label: "Client", hint: "identifier", suggest: clientsLike },
  { name: "dataset", label: "Dataset", hint: "orders" },
  {
    name: "format",
    label: "Format",
    kind: "choice",
    options: ["csv", "json", "ndjson", "xlsx"].map((value) => ({ value, label: value })),
  },
  { name: "createdFrom", label: "Created from", kind: "time", show: exact, presets: [midnight, ...ago] },
  { name: "createdTo", label: "Created to", kind: "time", show: exact, presets: [now, midnight] },
  { name: "finishedFrom", label: "Ended from", kind: "time", show: exact, presets: [midnight, ...ago] },
  { name: "finishedTo", label: "Ended to", kind: "time", show: exact, presets: [now, midnight] },
  {
    name: "hasErrors",
    label: "Rejected records",
    kind: "choice",
    options: [
      { value: "true", label: "some" },
      { value: "false", label: "none" },
    ],
  },
  { name: "errorCode", label: "Error code", hint: "handler-failed" },
  { name: "retryOf", label: "Retry of", hint: "id of a batch" },
  { name: "q", label: "Search", hint: "id, request:…, key:…, checksum, client" },
];
