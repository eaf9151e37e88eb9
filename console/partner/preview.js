/** Shows how a file will be read: which field each column fills, the first rows, and their faults. Nothing is imported yet. */

import { Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { parseExact } from "../ui/exact-json.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { count, plural } from "../ui/numbers.js";
import { Section } from "../ui/page.js";
import { Table } from "../ui/table.js";
import { csvRows } from "./csv.js";
import { Groups } from "./groups.js";

/** @import { ApiProblem } from "../api/problem.js" */
/** @import { CheckedFile } from "../types.d.ts" */
/** @import { Look } from "./sending.js" */

/** @typedef {CheckedFile["records"][number]} Row */

const ROWS = 10;

/** @param {{ look: Look, onRetry: () => void }} props */
export function Preview({ look: { isLoading, found, problem, matches, skipped }, onRetry }) {
  if (isLoading) return html`<${Loading} label="Looking at the file" />`;
  if (problem?.code === "wrong-columns") return html`<${WrongColumns} problem=${problem} />`;
  if (problem)
    return html`<${ErrorBox} problem=${problem} title="This file cannot be read as it is." onRetry=${onRetry} />`;
  if (skipped === "large")
    return html`<p class="bar calm"><${Icon} name="info" /><span>This workbook is too large to look at here. “Check first” looks at all of it and imports nothing.</span></p>`;
  if (skipped === "correction")
    return html`<p class="bar calm"><${Icon} name="info" /><span>This corrected file cannot be looked at here: it is a workbook, or too large. “Check first” looks at all of it. Its columns <code>_record</code> and <code>_errors</code> tell DataFlow which rows it mends; leave <code>_record</code> as it is.</span></p>`;
  return html`${matches && html`<${Matched} matches=${matches} />`}${found && html`<${Found} found=${found} />`}`;
}

/** Says which rejected rows a file corrects. @param {{ matches: import("./correction-look.js").Matches }} props */
function Matched({ matches: { rows, mends, mended, strangers, fresh, left, isPartial } }) {
  const isGood = mended + strangers === 0 && mends > 0;
  const missing = left - mends;
  const is = (/** @type {number} */ many) => (many === 1 ? "is" : "are");
  return html`<div class=${`bar ${isGood ? "good" : "warn"}`} role="status"><${Icon} name=${isGood ? "check" : "warning"} /><span>
    <strong>${count(mends)} of ${isPartial ? "the first " : ""}${plural(rows, "row")} ${mends === 1 ? "matches a rejected row" : "match rejected rows"}.</strong>
    ${mended > 0 && html` ${count(mended)} ${is(mended)} mended already, and will be refused.`}
    ${strangers > 0 && html` ${count(strangers)} ${strangers === 1 ? "has" : "have"} a number in <code>_record</code> that is not one of a rejected row, or comes twice, and will be refused.`}
    ${fresh > 0 && html` ${count(fresh)} without <code>_record</code> ${is(fresh)} imported as ${fresh === 1 ? "a new row" : "new rows"}.`}
    ${!isPartial && missing > 0 && html` ${plural(missing, "rejected row")} ${is(missing)} not in this file, and ${missing === 1 ? "stays" : "stay"} rejected.`}
  </span></div>`;
}

/** @param {{ found: CheckedFile }} props */
function Found({ found }) {
  const { counts, partial, errors, records } = found;
  const what = partial ? `the first ${plural(counts.received, "row")}` : plural(counts.received, "row");
  const isGood = counts.rejected === 0;
  return html`<div class="stack">
    <p class=${`bar ${isGood ? "good" : "warn"}`} role="status"><${Icon} name=${isGood ? "check" : "warning"} /><span>
      ${
        isGood
          ? html`<strong>${partial ? `The first ${count(counts.received)} rows are good.` : `All ${plural(counts.received, "row")} can be imported.`}</strong>${partial && " The rest is checked while it is imported."}`
          : html`<strong>${count(counts.rejected)} of ${what} would be rejected.</strong> The others can be imported. You can mend the rejected ones afterwards.`
      }
      ${counts.duplicate > 0 && html` ${plural(counts.duplicate, "row")} came before and would be left out.`}
    </span></p>
    ${errors.groups.length > 0 && html`<${Section} title="What is wrong"><${Groups} faults=${errors} /></${Section}>`}
    <${Columns} found=${found} />
    <${Section} title=${`The first ${plural(Math.min(ROWS, records.length), "row")}, as ${records.length === 1 ? "it is" : "they are"} read`}><${Rows} found=${found} /></${Section}>
  </div>`;
}

/** @type {Record<string, string>} */
const ways = { title: "by its title", name: "by its name", path: "by its name", dropped: "" };

/** @param {{ found: CheckedFile }} props */
function Columns({ found: { columns } }) {
  if (columns.length === 0) return null;
  const dropped = columns.filter(({ by }) => by === "dropped").length;
  return html`<${Section} title="Columns" actions=${html`<span class="quiet">${plural(columns.length, "column")}${dropped > 0 ? `, ${count(dropped)} left out` : ""}</span>`}>
    <ul class="mapped">${columns.map(
      ({ column, field, by }) =>
        html`<li key=${column} class=${by === "dropped" ? "quiet" : ""}><span>${column}</span><${Icon} name=${by === "dropped" ? "cross" : "chevron"} />${
          by === "dropped" ? html`<span>left out</span>` : html`<code title=${ways[by]}>${field}</code>`
        }</li>`,
    )}</ul>
  </${Section}>`;
}

/** @param {unknown} value */
const textOf = (value) =>
  value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);

/** @param {{ found: CheckedFile }} props */
function Rows({ found }) {
  const rows = found.records.slice(0, ROWS).map((row) => ({ ...row, cells: cellsOf(row, found) }));
  const names = [...new Set(rows.flatMap(({ cells }) => [...cells.keys()]))];
  /** @type {import("../ui/table.js").Column<Shown>[]} */
  const columns = [
    {
      key: "#line",
      title: "Line",
      align: "right",
      render: ({ line, record }) => html`<span class="quiet">${count(line ?? record)}</span>`,
    },
    { key: "#state", title: "State", render: ({ errors }) => html`<${Outcome} isGood=${errors.length === 0} />` },
    ...names.map((name) => ({ key: name, title: name, render: (/** @type {Shown} */ row) => cellView(row, name) })),
  ];
  return html`<${Table} caption="First rows" columns=${columns} list=${{ items: rows }} keyOf=${(/** @type {Shown} */ { record }) => String(record)}
    moreOf=${(/** @type {Shown} */ row) => (row.errors.length > 0 ? html`<${Wrong} row=${row} />` : null)} />`;
}

/** @param {{ isGood: boolean }} props */
const Outcome = ({ isGood }) =>
  html`<span class=${`state ${isGood ? "good" : "bad"}`}><${Icon} name=${isGood ? "check" : "cross"} />${isGood ? "good" : "rejected"}</span>`;

/** @typedef {Row & { cells: Map<string, string> }} Shown */

/**
 * The cells of a row: the values as they were read, or of a rejected row the text as it was sent.
 * @param {Row} row
 * @param {CheckedFile} found
 */
function cellsOf({ data, raw }, { columns, delimiter }) {
  if (data !== null) return new Map(Object.entries(objectOf(data)).map(([name, value]) => [name, textOf(value)]));
  if (delimiter === null || raw.startsWith("{"))
    return new Map(Object.entries(objectOf(parsed(raw))).map(([name, value]) => [name, textOf(value)]));
  const [texts = []] = csvRows(raw, delimiter, '"');
  return new Map(columns.flatMap(({ field }, index) => (field === null ? [] : [[field, texts[index] ?? ""]])));
}

/** @param {string} text */
function parsed(text) {
  try {
    return parseExact(text);
  } catch {
    return null;
  }
}

/** @param {Shown} row @param {string} name */
function cellView({ cells, errors }, name) {
  const text = cells.get(name) ?? "";
  const error = errors.find(({ field }) => field === name);
  if (error) return html`<mark class="wrong-value" title=${error.message}>${text === "" ? "missing" : text}</mark>`;
  return html`<span class="cut" title=${text}>${text}</span>`;
}

/** @param {unknown} data @returns {Record<string, unknown>} */
const objectOf = (data) =>
  typeof data === "object" && data !== null && !Array.isArray(data) ? /** @type {any} */ (data) : {};

/** @param {{ row: Row }} props */
function Wrong({ row: { raw, errors } }) {
  return html`<div class="stack"><code class="raw">${raw}</code>
    <ul>${errors.map(({ field, message, value }) => html`<li key=${field + message}><code>${field || "row"}</code> ${message}${value !== undefined && html`; found <mark class="wrong-value">${value || "nothing"}</mark>`}</li>`)}</ul></div>`;
}

/**
 * Explains a header that does not fit the dataset: which columns to rename, and which are missing.
 * @param {{ problem: ApiProblem }} props
 */
function WrongColumns({ problem }) {
  const { missing = [], unknown = [], twice = [] } = /** @type {any} */ (problem.body);
  const near = new Map(unknown.flatMap((/** @type {any} */ one) => (one.near ? [[one.near, one.column]] : [])));
  return html`<section class="card" aria-label="Columns that do not fit" role="alert">
    <header class="card-head"><h2>The first row of the file does not have the right column names</h2></header>
    <div class="stack">
      <p>Mend the names in the first row of your file, save it, and choose it again. Nothing was imported.</p>
      <ul class="fixes">
        ${unknown.filter((/** @type {any} */ one) => one.near).map((/** @type {any} */ one) => html`<li key=${one.column}>Rename <mark class="wrong-value">${one.column}</mark> to <code>${one.near}</code></li>`)}
        ${missing.filter((/** @type {string} */ name) => !near.has(name)).map((/** @type {string} */ name) => html`<li key=${name}>Add a column <code>${name}</code></li>`)}
        ${unknown.filter((/** @type {any} */ one) => !one.near).map((/** @type {any} */ one) => html`<li key=${one.column}>Take out <mark class="wrong-value">${one.column}</mark>: nobody knows this column</li>`)}
        ${twice.map((/** @type {any} */ one) => html`<li key=${one.field}>Keep one of ${one.columns.join(", ")}: they all mean <code>${one.field}</code></li>`)}
      </ul>
      <p class="meta quiet">Code <code>${problem.code}</code>${problem.requestId && html` · Request <code>${problem.requestId}</code>`}</p>
    </div>
  </section>`;
}
