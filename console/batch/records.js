/** The stored records of a batch, page by page. Each value is shown as the text that is stored. */
import { useState } from "preact/hooks";
import { urlOf } from "../api/client.js";
import { useQuery } from "../state/live.js";
import { Empty, Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { fieldOf } from "../ui/fields.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { count } from "../ui/numbers.js";
import { Table } from "../ui/table.js";
import { cellsOf } from "./cells.js";

/** @import { Batch } from "../types.d.ts" */

const AT_ONCE = 100;

/** @typedef {{ record: number, cells: import("./cells.js").Cell[] }} Stored */

/**
 * The records in the lines of the answer. A value keeps its text, because parsing could change the digits of a number.
 * @param {string} lines
 * @returns {Stored[]}
 */
export const storedIn = (lines) =>
  lines
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [number, data] = cellsOf(line, undefined) ?? [];
      return { record: Number(number?.text), cells: cellsOf(data?.text ?? "", undefined) ?? [] };
    });

/** @param {Stored[]} rows */
const namesOf = (rows) => [...new Set(rows.flatMap(({ cells }) => cells.map(({ name }) => name)))];

/** Shows a string without its quotes, and any other value as JSON. @param {Stored} row @param {string} name */
function valueView({ cells }, name) {
  const text = cells.find((cell) => cell.name === name)?.text;
  if (text === undefined) return html`<span class="quiet">–</span>`;
  return text.startsWith('"')
    ? html`<span class="cell">${JSON.parse(text)}</span>`
    : html`<span class="cell mono">${text}</span>`;
}

/** @param {Stored[]} rows @returns {import("../ui/table.js").Column<Stored>[]} */
const columnsOf = (rows) => [
  { key: "#record", title: "Record", align: "right", render: ({ record }) => count(record) },
  ...namesOf(rows).map((name) => ({
    key: name,
    title: name,
    render: (/** @type {Stored} */ row) => valueView(row, name),
  })),
];

/** @param {{ base: string, batch: Batch }} props `base`: `/imports/0193…` or `/admin/batches/0193…` */
export function Records({ base, batch }) {
  const [after, setAfter] = useState(0);
  const [wanted, setWanted] = useState("");
  /** @type {import("../state/live.js").Found<string>} */
  const { data, problem, isLoading, reload } = useQuery(`${base}/records`, { query: { after, limit: AT_ONCE } });
  const jump = (/** @type {Event} */ event) => {
    event.preventDefault();
    const record = Number(wanted);
    if (Number.isInteger(record) && record > 0) setAfter(record - 1);
  };
  if (problem) return html`<${ErrorBox} problem=${problem} title="The records could not be read." onRetry=${reload} />`;
  const items = storedIn(data ?? "");
  const next = items.length < AT_ONCE ? null : (items.at(-1)?.record ?? null);
  if (!isLoading && items.length === 0 && after === 0) return html`<${NoRecords} batch=${batch} />`;
  return html`<div class="stack">
    <div class="row">
      <form class="row" onSubmit=${jump}>
        <label class="field inline"><span>From record</span><input type="number" min="1" step="1" inputmode="numeric" value=${wanted} placeholder="1" onInput=${(/** @type {Event} */ event) => setWanted(fieldOf(event).value)} /></label>
        <button type="submit" class="button small">Go</button>
      </form>
      <span class="grow"></span>
      <button type="button" class="button small" disabled=${after === 0} onClick=${() => setAfter(0)}>First ${AT_ONCE}</button>
      <button type="button" class="button small" disabled=${next === null} onClick=${() => setAfter(next ?? 0)}>Next ${AT_ONCE}</button>
      <a class="button small" href=${urlOf(`${base}/records`)} download=${`${batch.id}-records.ndjson`}><${Icon} name="download" />NDJSON</a>
    </div>
    ${
      isLoading
        ? html`<${Loading} label="Loading records" />`
        : html`<${Table} caption="Stored records" columns=${columnsOf(items)} list=${{ items }} keyOf=${(/** @type {Stored} */ { record }) => String(record)}
        empty=${html`<${Empty} title=${`No record from ${count(after + 1)} on is stored.`}><p><button type="button" class="link" onClick=${() => setAfter(0)}>Show the first ones</button></p></${Empty}>`} />`
    }
  </div>`;
}

/** @param {{ batch: Batch }} props */
function NoRecords({ batch: { status, counts } }) {
  const why =
    counts.accepted === 0
      ? status === "undone"
        ? "They were taken back."
        : "None was accepted so far."
      : counts.created !== undefined
        ? "They went into the company's own table."
        : "They went to a handler, or are not kept any longer.";
  return html`<${Empty} title="No record is stored here." icon="datasets"><p>${why}</p></${Empty}>`;
}
