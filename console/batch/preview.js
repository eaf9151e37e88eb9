/**
 * Shows how the first records of a batch are read: which column fills which field, and each record as it was sent and as it was
 * read.
 */
import { useQuery } from "../state/live.js";
import { Empty, Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { count } from "../ui/numbers.js";
import { Table } from "../ui/table.js";

/** @typedef {{ record: number, line: number | null, raw: string, data: unknown, errors: { field: string, code: string, message: string }[] }} Sample */
/** @typedef {{ column: string, field: string | null }} ShownColumn */

/** @type {import("../ui/table.js").Column<Sample>[]} */
const columns = [
  { key: "record", title: "Record", align: "right", render: ({ record }) => count(record) },
  { key: "line", title: "Line", align: "right", hides: "first", render: ({ line }) => count(line) },
  { key: "raw", title: "As it came", render: ({ raw }) => html`<code class="raw">${raw}</code>` },
  {
    key: "data",
    title: "As it is read",
    isWide: true,
    render: ({ data, errors }) =>
      errors.length > 0
        ? html`<ul>${errors.map(({ field, code, message }) => html`<li key=${field + code}><span class="tone bad"><code>${field || "record"}</code> ${message}</span></li>`)}</ul>`
        : html`<code class="raw">${JSON.stringify(data)}</code>`,
  },
];

/** @param {{ base: string }} props `base`: `/imports/0193…` or `/admin/batches/0193…` */
export function Preview({ base }) {
  /** @type {import("../state/live.js").Found<{ columns: ShownColumn[], delimiter: string | null, encoding: string, records: Sample[] }>} */
  const { data, problem, reload } = useQuery(`${base}/preview`);
  if (problem?.status === 410)
    return html`<${Empty} title="The file is not kept any longer." icon="clock"><p>A dataset keeps files after the end where its <code>keepBodyDays</code> is above 0. Rejected records stay under Errors, stored ones under Records.</p></${Empty}>`;
  if (problem)
    return html`<${ErrorBox} problem=${problem} title="The first records could not be read." onRetry=${reload} />`;
  if (!data) return html`<${Loading} label="Loading the first records" />`;
  const { encoding, delimiter, records } = data;
  return html`<div class="stack">
    <p class="quiet">Read as ${encoding}${delimiter !== null && html`, cells end with <code>${delimiter === "\t" ? "tab" : delimiter}</code>`}. These are the first ${count(records.length)} records.</p>
    ${data.columns.length > 0 && html`<${Columns} columns=${data.columns} />`}
    <${Table} caption="First records" columns=${columns} list=${{ items: records }} keyOf=${(/** @type {Sample} */ { record }) => String(record)}
      empty=${html`<${Empty} title="The file has no records." />`} />
  </div>`;
}

/** @param {{ columns: ShownColumn[] }} props */
function Columns({ columns: all }) {
  return html`<ul class="row mapped" aria-label="Columns of the file, and the fields they become">
    ${all.map(({ column, field }) => html`<li key=${column}><code>${column}</code> ${field === null ? html`<span class="quiet">not used</span>` : field !== column && html`→ <code>${field}</code>`}</li>`)}
  </ul>`;
}
