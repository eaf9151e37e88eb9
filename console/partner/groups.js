/** Faults by field: how many, what is accepted, what was found. The check of a file and the page of a batch both show them. */
import { html } from "../ui/html.js";
import { count, plural } from "../ui/numbers.js";
import { Table } from "../ui/table.js";

/** @import { CheckedFile } from "../types.d.ts" */

/** @typedef {CheckedFile["errors"]} Faults */
/** @typedef {Faults["groups"][number]} Group */

/** @param {{ field: string }} props */
export const Field = ({ field }) =>
  field === "" ? html`<span class="quiet">whole row</span>` : html`<code>${field}</code>`;

/** @type {import("../ui/table.js").Column<Group>[]} */
const columns = [
  { key: "count", title: "Faults", align: "right", render: (group) => html`<b>${count(group.count)}</b>` },
  { key: "field", title: "Field", render: ({ field }) => html`<${Field} field=${field} />` },
  { key: "message", title: "What is accepted", isWide: true, render: ({ message }) => message },
  {
    key: "values",
    title: "Found, for example",
    hides: "last",
    render: ({ values }) =>
      values.length === 0
        ? html`<span class="quiet">nothing</span>`
        : values
            .slice(0, 2)
            .map((value) => html`<mark class="wrong-value" key=${value}>${value === "" ? "empty" : value}</mark> `),
  },
  {
    key: "line",
    title: "First in line",
    align: "right",
    hides: "first",
    render: ({ firstLine, firstRecord }) => (firstLine === null ? `record ${count(firstRecord)}` : count(firstLine)),
  },
];

/** @param {{ faults: Faults }} props */
export function Groups({ faults }) {
  if (faults.groups.length === 0) return null;
  return html`<div>
    <${Table} caption="Faults by field" columns=${columns} list=${{ items: faults.groups }} keyOf=${(/** @type {Group} */ { field, code }) => `${field} ${code}`} />
    ${faults.other.count > 0 && html`<p class="quiet">${plural(faults.other.count, "fault")} of further kinds ${faults.other.count === 1 ? "is" : "are"} not listed.</p>`}
  </div>`;
}
