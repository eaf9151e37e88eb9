/** Rejected records of one group of errors. Each is shown as it was sent, with the wrong cell marked and the expected value. */
import { useState } from "preact/hooks";
import { useQuery } from "../state/live.js";
import { Empty, Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { count } from "../ui/numbers.js";
import { State } from "../ui/states.js";
import { Table } from "../ui/table.js";
import { cellOf, cellsOf } from "./cells.js";

/** @import { ErrorGroup, Layout, Rejected, RejectedPage } from "../types.d.ts" */
/** @import { Column } from "../ui/table.js" */

const AT_ONCE = 20;

/** The field's name as the summary has it: `tags[2]` becomes `tags[]`. @param {string} field */
const withoutIndexes = (field) => field.replaceAll(/\[\d+\]/g, "[]");

/** @param {Rejected} rejected @param {ErrorGroup} group */
const errorOf = ({ errors }, { field, code }) =>
  errors.find((error) => withoutIndexes(error.field) === field && error.code === code);

/** @param {Rejected} rejected @param {Layout | undefined} layout */
const rowOf = (rejected, layout) => ({ ...rejected, cells: cellsOf(rejected.raw, layout) });

/** @typedef {ReturnType<typeof rowOf>} Row */

/** Names of cells in the order in which they first come. @param {Row[]} rows */
const namesOf = (rows) => [...new Set(rows.flatMap(({ cells }) => (cells ?? []).map(({ name }) => name)))];

/** Cells of this record that are wrong, by any of its errors. @param {Row} row */
function wrongCells({ errors, cells }) {
  const names = new Set((cells ?? []).map(({ name }) => name));
  return new Set(errors.map((error) => (names.has(error.field) ? error.field : cellOf(error))));
}

/** @param {Row} row @param {string} name */
function cellView(row, name) {
  const text = row.cells?.find((cell) => cell.name === name)?.text;
  if (!wrongCells(row).has(name))
    return text === undefined ? html`<span class="quiet">–</span>` : html`<span class="cell">${text}</span>`;
  const why = row.errors
    .filter((error) => error.field === name || cellOf(error) === name)
    .map(({ message }) => message);
  return html`<mark class="cell wrong" title=${why.join("; ")}>${text === undefined ? "missing" : text === "" ? "empty" : text}</mark>`;
}

/** @param {Row[]} rows @param {ErrorGroup} group @returns {Column<Row>[]} */
function columnsOf(rows, group) {
  const names = namesOf(rows);
  const isWhole = rows.every(({ cells }) => cells === null);
  return [
    { key: "#line", title: "Line", align: "right", render: ({ line }) => count(line) },
    { key: "#record", title: "Record", align: "right", render: ({ record }) => count(record) },
    .../** @type {Column<Row>[]} */ (
      // The column is shown only if a row has a corrected record: most batches have none.
      rows.some(({ corrected }) => corrected)
        ? [
            {
              key: "#state",
              title: "State",
              render: ({ corrected }) => html`<${State} of=${corrected ? "corrected" : "open"} />`,
            },
          ]
        : []
    ),
    {
      key: "#found",
      title: "Found, and what is accepted",
      render: (row) => {
        const error = errorOf(row, group);
        return html`<span class="found">${error?.value !== undefined && html`<mark class="cell wrong">${error.value}</mark>`}<span>${error?.message ?? group.message}</span></span>`;
      },
    },
    .../** @type {Column<Row>[]} */ (
      isWhole
        ? [
            {
              key: "#raw",
              title: "As it was sent",
              isWide: true,
              render: ({ raw }) => html`<code class="raw">${raw}</code>`,
            },
          ]
        : names.map((name) => ({ key: name, title: name, render: (row) => cellView(row, name) }))
    ),
  ];
}

/**
 * @param {{ base: string, group: ErrorGroup }} props `base`: `/imports/0193…` or `/admin/batches/0193…`
 */
export function Samples({ base, group }) {
  // The search begins at the group's first record, because no earlier record has this error.
  const [after, setAfter] = useState(group.firstRecord - 1);
  const query = { ...(group.field !== "" && { field: group.field }), code: group.code, after, limit: AT_ONCE };
  /** @type {import("../state/live.js").Found<RejectedPage>} */
  const { data, problem, isLoading, reload } = useQuery(`${base}/errors`, { query });
  if (problem) return html`<${ErrorBox} problem=${problem} title="The records could not be read." onRetry=${reload} />`;
  if (isLoading || !data) return html`<${Loading} label="Loading records" />`;
  const rows = data.items
    .filter((one) => group.field !== "" || errorOf(one, group))
    .map((one) => rowOf(one, data.layout));
  const { next } = data;
  const isFirst = after < group.firstRecord;
  return html`<div class="samples">
    <${Table} caption="Rejected records of this group" columns=${columnsOf(rows, group)} list=${{ items: rows }} keyOf=${(/** @type {Row} */ { record }) => String(record)}
      empty=${html`<${Empty} title="None of them is listed."><p>${data.records ? `The report ends here; ${count(data.records)} more records were rejected.` : "They may have come while the batch ran; read again."}</p></${Empty}>`} />
    ${
      (next !== null || !isFirst) &&
      html`<div class="row samples-foot">
      ${!isFirst && html`<button type="button" class="button small" onClick=${() => setAfter(group.firstRecord - 1)}>First ${AT_ONCE}</button>`}
      ${next !== null && html`<button type="button" class="button small" onClick=${() => setAfter(next)}>Next ${AT_ONCE}</button>`}
    </div>`
    }
    ${data.truncated && html`<p class="quiet">The report ends here: ${count(data.records)} more rejected records are not listed.</p>`}
  </div>`;
}
