/** A partner's batches, newest first. */

import { batchColumns } from "../partner/batch-columns.js";
import { useList } from "../state/list.js";
import { useQuery } from "../state/live.js";
import { Empty } from "../ui/empty.js";
import { FilterBar } from "../ui/filter-bar.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Page } from "../ui/page.js";
import { wordOf } from "../ui/states.js";
import { Table } from "../ui/table.js";

/** @import { Batch, OwnDatasetItem, PageProps } from "../types.d.ts" */

const states = [
  "received",
  "ready",
  "processing",
  "held",
  "validated",
  "completed",
  "completed_with_errors",
  "failed",
  "rejected",
  "cancelled",
  "undone",
];

/** @param {OwnDatasetItem[]} datasets @returns {import("../ui/filter-bar.js").Filter[]} */
const filtersOf = (datasets) => [
  {
    name: "status",
    label: "State",
    kind: "choice",
    isSeveral: true,
    options: states.map((value) => ({ value, label: wordOf(value) })),
  },
  {
    name: "dataset",
    label: "Dataset",
    kind: "choice",
    options: datasets.map(({ name }) => ({ value: name, label: name })),
  },
  {
    name: "hasErrors",
    label: "Rejected rows",
    kind: "choice",
    options: [
      { value: "true", label: "some" },
      { value: "false", label: "none" },
    ],
  },
  { name: "createdFrom", label: "Sent after", kind: "time", show: (value) => new Date(value).toLocaleString() },
  { name: "createdTo", label: "Sent before", kind: "time", show: (value) => new Date(value).toLocaleString() },
  { name: "q", label: "Id, request or checksum", hint: "0193…, or request:…" },
];

const upload = html`<a class="button primary" href="#/import"><${Icon} name="upload" />Import a file</a>`;

/** @param {PageProps} props */
export default function MyBatches({ query }) {
  const list = useList("/imports", { query: { ...query, limit: 50 }, topics: ["batches"] });
  const datasets = useQuery("/datasets");
  const isFiltered = Object.keys(query).length > 0;
  return html`<${Page} title="Batches" lead="Every file that you sent, the newest first." actions=${upload}>
    <${FilterBar} filters=${filtersOf(datasets.data?.items ?? [])} />
    <${Table} caption="Batches" columns=${batchColumns} list=${list} hrefOf=${(/** @type {Batch} */ { id }) => `#/batches/${id}`}
      empty=${
        isFiltered
          ? html`<${Empty} title="No batch is like this." icon="filter"><p><a href="#/batches">Show all</a></p></${Empty}>`
          : html`<${Empty} title="You have sent nothing yet." icon="batches"><p>${upload}</p></${Empty}>`
      } />
  </${Page}>`;
}
