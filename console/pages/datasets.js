/** The list of datasets: kinds of import that are defined once and granted to clients. */
import { may } from "../api/session.js";
import { newDataset } from "../editor/new-dataset.js";
import { useList } from "../state/list.js";
import { Empty } from "../ui/empty.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { count } from "../ui/numbers.js";
import { Page } from "../ui/page.js";
import { Table } from "../ui/table.js";
import { Time } from "../ui/time.js";

/** @import { ListedDataset } from "../types.d.ts" */

/** @param {string} name */
const hrefOf = (name) => `#/datasets/${encodeURIComponent(name)}`;

/** @type {import("../ui/table.js").Column<ListedDataset>[]} */
const columns = [
  { key: "name", title: "Name", render: ({ name }) => html`<a href=${hrefOf(name)}>${name}</a>` },
  {
    key: "description",
    title: "What is sent",
    isWide: true,
    render: ({ description }) => description ?? html`<span class="quiet">–</span>`,
  },
  { key: "clients", title: "Clients", align: "right", render: ({ clients }) => count(clients) },
  { key: "version", title: "Version", align: "right", hides: "first", render: ({ version }) => count(version) },
  { key: "changed", title: "Changed", hides: "first", render: ({ changedAt }) => html`<${Time} at=${changedAt} />` },
];

export default function Datasets() {
  const list = useList("/admin/datasets", { keyOf: (/** @type {ListedDataset} */ { name }) => name });
  const makes =
    may("admin") &&
    html`<button type="button" class="button primary" onClick=${() => newDataset()}><${Icon} name="plus" />New dataset</button>`;
  return html`<${Page} title="Datasets" actions=${makes} lead="A kind of import, defined once and granted to clients. A client's own policy is its dataset default.">
    <${Table} caption="Datasets" columns=${columns} list=${list} keyOf=${(/** @type {ListedDataset} */ { name }) => name} hrefOf=${(/** @type {ListedDataset} */ { name }) => hrefOf(name)}
      empty=${html`<${Empty} title="There is no dataset yet." icon="datasets"><p>Clients use their own policies. A dataset saves a copy for each of them.</p>${makes}</${Empty}>`} />
  </${Page}>`;
}
