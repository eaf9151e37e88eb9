/** The result of a trial: how many records would be rejected, why, and the first of them. */
import { Empty } from "../ui/empty.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { count, percent, plural } from "../ui/numbers.js";
import { Table } from "../ui/table.js";

/** @typedef {{ field: string, code: string, count: number, firstRecord: number, firstLine: number | null, message: string, values: string[] }} Group */
/** @typedef {{ record: number, line: number | null, raw: string | null, data: unknown, errors: { field: string, code: string, message: string }[] }} Row */

/** @param {number} all @returns {import("../ui/table.js").Column<Group>[]} */
const groupColumns = (all) => [
  { key: "field", title: "Field", render: ({ field }) => html`<code>${field || "the record"}</code>` },
  {
    key: "message",
    title: "Fault",
    isWide: true,
    render: ({ message, code }) => html`${message} <span class="quiet">${code}</span>`,
  },
  { key: "count", title: "Faults", align: "right", render: ({ count: many }) => count(many) },
  {
    key: "share",
    title: "Of records",
    align: "right",
    hides: "first",
    render: ({ count: many }) => percent(many, all),
  },
  { key: "line", title: "First line", align: "right", render: ({ firstLine }) => count(firstLine) },
  {
    key: "values",
    title: "Such as",
    hides: "first",
    render: ({ values }) => html`<span class="cut mono">${values.join(" · ")}</span>`,
  },
];

/** @type {import("../ui/table.js").Column<Row>[]} */
const rowColumns = [
  { key: "line", title: "Line", align: "right", render: ({ line, record }) => count(line ?? record) },
  {
    key: "raw",
    title: "As it came",
    hides: "first",
    render: ({ raw }) => html`<code class="cut">${raw ?? "–"}</code>`,
  },
  {
    key: "data",
    title: "Would become",
    isWide: true,
    render: ({ data, errors }) =>
      data === null
        ? html`<span class="bad"><${Icon} name="cross" /> rejected: ${errors.map(({ field, message }) => `${field} ${message}`).join("; ")}</span>`
        : html`<code>${JSON.stringify(data)}</code>`,
  },
];

/** @param {{ found: any }} props */
export function Tried({ found }) {
  const { counts, errors, records, partial, delimiter, columns } = found;
  const lost = columns
    .filter((/** @type {any} */ { field }) => field === null)
    .map((/** @type {any} */ { column }) => column);
  return html`<div class="stack" role="status">
    <p><strong>${count(counts.accepted)} of ${plural(counts.received, "record")} would be accepted</strong>, ${count(counts.rejected)} rejected, ${count(counts.duplicate)} duplicate.
      ${partial && " The file has more, which was not looked at."} ${delimiter && html`<span class="quiet">Cut at <code>${delimiter === "\t" ? "tab" : delimiter}</code>.</span>`}
      ${lost.length > 0 && html`<span class="warn">${plural(lost.length, "column")} would be left out: ${lost.join(", ")}.</span>`}</p>
    ${errors.groups.length > 0 && html`<${Table} caption="Faults, in groups" columns=${groupColumns(counts.received)} list=${{ items: errors.groups }} keyOf=${(/** @type {Group} */ { field, code }) => `${field} ${code}`} />`}
    <${Table} caption="First records" columns=${rowColumns} list=${{ items: records }} keyOf=${(/** @type {Row} */ { record }) => String(record)} toneOf=${(/** @type {Row} */ { data }) => (data === null ? "bad" : "")}
      empty=${html`<${Empty} title="No record was found in it." />`} />
  </div>`;
}
