/** A partner's first page: its own batches. */
import { useList } from "../state/live.js";
import { Empty } from "../ui/empty.js";
import { html } from "../ui/html.js";
import { count } from "../ui/numbers.js";
import { Page, Section } from "../ui/page.js";
import { State } from "../ui/states.js";
import { Table } from "../ui/table.js";
import { Time } from "../ui/time.js";

/** @import { Batch } from "../types.d.ts" */
/** @import { Column } from "../ui/table.js" */

/** @type {Column<Batch>[]} */
const columns = [
  { key: "status", title: "State", render: ({ status }) => html`<${State} of=${status} />` },
  { key: "dataset", title: "Dataset", isWide: true, render: ({ dataset }) => dataset },
  { key: "received", title: "Records", align: "right", render: ({ counts }) => count(counts.received) },
  { key: "rejected", title: "Rejected", align: "right", render: ({ counts }) => count(counts.rejected) },
  { key: "created", title: "Created", render: ({ createdAt }) => html`<${Time} at=${createdAt} />` },
];

export default function Home() {
  const list = useList("/imports", { query: { limit: 10 }, topics: ["batches"] });
  return html`<${Page} title="Home">
    <${Section} title="Latest batches">
      <${Table} caption="Your latest batches" columns=${columns} list=${list}
        empty=${html`<${Empty} title="No batch yet." icon="batches"><p>Send the first one with the API.</p></${Empty}>`} />
    </${Section}>
  </${Page}>`;
}
